#include "kernels/resize_int/resize_int.h"

#include <algorithm>
#include <limits>

#include "harness.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;
using test::Random;

// Two taps per output, side by side or anywhere, with weights among which are those of ties.
struct Axis {
  Axis(int size, int out, bool neighbours, Random& random) : out(out) {
    for (int i = 0; i < out; ++i) {
      at.push_back(neighbours ? i * size / out : random.integer(0, size - 1));
      at.push_back(neighbours ? std::min(at.back() + 1, size - 1) : random.integer(0, size - 1));
      const float second =
          random.integer(0, 1) ? random.uniform(0, 1) : 0.25f * random.integer(0, 4);
      weight.push_back(1 - second);
      weight.push_back(second);
    }
  }
  ResizeAxis axis() const { return {at.data(), weight.data(), static_cast<size_t>(out)}; }

  int out;
  std::vector<int32_t> at;
  std::vector<float> weight;
};

// Every kernel against the definition, bit for bit, on values that are often the extremes.
template <typename T>
void check(int channels, bool neighbours, Guard guard) {
  constexpr int kHeight = 5, kWidth = 4, kRows = 7, kColumns = 9;
  constexpr int kLow = std::numeric_limits<T>::min(), kHigh = std::numeric_limits<T>::max();
  Random random(channels);
  const Axis rows(kHeight, kRows, neighbours, random),
      columns(kWidth, kColumns, neighbours, random);
  GuardedArray<T> x(static_cast<size_t>(kHeight) * kWidth * channels, guard);
  for (T& q : x)
    q = static_cast<T>(std::min(kHigh, std::max(kLow, random.integer(kLow - 99, kHigh + 99))));
  std::vector<T> expected;
  for (int r = 0; r < kRows; ++r)
    for (int c = 0; c < kColumns; ++c)
      for (int k = 0; k < channels; ++k) {
        float sum[2];
        for (int j : {0, 1}) {
          const auto at = [&](int i) {
            const int pixel = rows.at[2 * r + i] * kWidth + columns.at[2 * c + j];
            return static_cast<float>(x[static_cast<size_t>(pixel) * channels + k]);
          };
          const float first = rows.weight[2 * r] * at(0), second = rows.weight[2 * r + 1] * at(1);
          sum[j] = columns.weight[2 * c + j] * (first + second);
        }
        expected.push_back(static_cast<T>(std::nearbyint(sum[0] + sum[1])));
      }
  for (const Kernel<ResizeInt>& kernel : test::kernels(&LevelKernels::resize_int)) {
    GuardedArray<T> y(expected.size(), guard);
    kernel.run({sizeof(T) == 2 ? DType::i16 : DType::u8, static_cast<size_t>(channels), kWidth,
                rows.axis(), columns.axis(), x.data(), y.data()});
    size_t wrong = 0;
    for (size_t i = 0; i < expected.size(); ++i) wrong += y[i] != expected[i];
    CHECK(wrong == 0, "%s %zu bytes channels=%d: %zu of %zu", kernel.name, sizeof(T), channels,
          wrong, expected.size());
  }
}

TEST(resize_int) {
  for (int channels : {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40, 63, 64, 65, 80, 129})
    for (bool neighbours : {false, true})
      for (Guard guard : {Guard::kFront, Guard::kBack}) {
        check<uint8_t>(channels, neighbours, guard);
        check<int16_t>(channels, neighbours, guard);
      }
}

}  // namespace
}  // namespace edgert
