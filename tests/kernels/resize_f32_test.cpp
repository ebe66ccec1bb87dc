#include "kernels/resize_f32/resize_f32.h"

#include "harness.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;
using test::Random;

struct Axis {
  Axis(int taps, int size, int out, Random& random) : out(out) {
    for (int i = 0; i < out * taps; ++i) {
      at.push_back(random.integer(0, size - 1));
      weight.push_back(random.uniform(-1, 1));
    }
  }
  ResizeAxis axis() const { return {at.data(), weight.data(), static_cast<size_t>(out)}; }

  int out;
  std::vector<int32_t> at;
  std::vector<float> weight;
};

// Every kernel against the definition in double precision, and the fused ones against each other.
void check(int taps, int channels, Guard guard) {
  constexpr int kHeight = 5, kWidth = 4, kRows = 7, kColumns = 9;
  Random random(taps * 1000 + channels);
  const Axis rows(taps, kHeight, kRows, random), columns(taps, kWidth, kColumns, random);
  GuardedArray<float> x(static_cast<size_t>(kHeight) * kWidth * channels, guard);
  test::fill_uniform(x, random);
  const size_t outputs = static_cast<size_t>(kRows) * kColumns * channels;
  std::vector<double> expected, bound;
  for (int r = 0; r < kRows; ++r)
    for (int c = 0; c < kColumns; ++c)
      for (int k = 0; k < channels; ++k) {
        double sum = 0, magnitude = 0;
        for (int i = 0; i < taps; ++i)
          for (int j = 0; j < taps; ++j) {
            const size_t pixel = rows.at[r * taps + i] * kWidth + columns.at[c * taps + j];
            const double term = double{rows.weight[r * taps + i]} * columns.weight[c * taps + j] *
                                x[pixel * channels + k];
            sum += term;
            magnitude += std::fabs(term);
          }
        expected.push_back(sum);
        bound.push_back(magnitude * 0x1p-23 * (2 * taps + 1));
      }
  test::FusedBits bits;
  for (const Kernel<ResizeF32>& kernel : test::kernels(&LevelKernels::resize_f32)) {
    GuardedArray<float> y(outputs, guard);
    kernel.run({taps, static_cast<size_t>(channels), kWidth, rows.axis(), columns.axis(), x.data(),
                y.data()});
    size_t wrong = 0;
    for (size_t i = 0; i < outputs; ++i) wrong += !(std::fabs(y[i] - expected[i]) <= bound[i]);
    CHECK(wrong == 0, "%s taps=%d channels=%d: %zu of %zu", kernel.name, taps, channels, wrong,
          outputs);
    bits.check(kernel.isa, kernel.name, y.data(), outputs);
  }
}

TEST(resize_f32) {
  for (int taps : {2, 4})
    for (int channels : {1, 2, 3, 4, 7, 8, 9, 16, 17, 31, 33, 50, 64})
      for (Guard guard : {Guard::kFront, Guard::kBack}) check(taps, channels, guard);
}

}  // namespace
}  // namespace edgert
