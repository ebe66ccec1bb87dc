#include "kernels/col2im_f32/col2im_f32.h"

#include <algorithm>

#include "harness.h"
#include "schema/enums.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;
using test::Random;

// Outputs with 0 to 3 offsets each, multiples of `step` below `step * limit`.
struct Axis {
  Axis(size_t outputs, size_t step, int limit, Random& random) : start{0} {
    for (size_t n = 0; n < outputs; ++n) {
      for (int i = random.integer(0, 3); i > 0; --i)
        offset.push_back(step * static_cast<size_t>(random.integer(0, limit - 1)));
      start.push_back(offset.size());
    }
  }
  Col2imAxis axis() const { return {start.data(), offset.data(), start.size() - 1}; }

  std::vector<size_t> start, offset;
};

// The sums are made in the same order here, so that the results are equal bit for bit.
void check(size_t channels, size_t gap, bool has_bias, UnaryFn fn, Guard guard) {
  constexpr size_t kRows = 5, kColumns = 6, kOrigin = 7;
  constexpr int kHeight = 3, kWidth = 4;
  Random random(channels);
  const Axis columns(kColumns, channels, kWidth, random);
  Axis rows(kRows, channels * kWidth, kHeight, random);
  for (size_t& offset : rows.offset) offset += kOrigin;
  const size_t y_stride = channels + gap, outputs = (kRows * kColumns - 1) * y_stride + channels;
  GuardedArray<float> x(kHeight * kWidth * channels, guard), bias(channels, guard);
  test::fill_uniform(x, random);
  test::fill_uniform(bias, random);
  const Activation activation = {static_cast<int32_t>(fn), -0.25f, 0.5f};
  for (const Kernel<Col2imF32>& kernel : test::kernels(&LevelKernels::col2im_f32)) {
    GuardedArray<float> y(outputs, guard);
    kernel.run({channels, rows.axis(), columns.axis(), kOrigin, x.data(),
                has_bias ? bias.data() : nullptr, y.data(), y_stride, activation});
    for (size_t p = 0; p < kRows * kColumns; ++p)
      for (size_t k = 0; k < y_stride && p * y_stride + k < outputs; ++k) {
        const float found = y[p * y_stride + k];
        if (k >= channels) {
          CHECK(std::isnan(found), "%s wrote between the pixels", kernel.name);
          continue;
        }
        const size_t r = p / kColumns, c = p % kColumns;
        float sum = has_bias ? bias[k] : 0.0f;
        for (size_t i = rows.start[r]; i < rows.start[r + 1]; ++i)
          for (size_t j = columns.start[c]; j < columns.start[c + 1]; ++j)
            sum += x[rows.offset[i] - kOrigin + columns.offset[j] + k];
        if (fn == UnaryFn::relu) sum = std::max(sum, 0.0f);
        if (fn == UnaryFn::clip) sum = std::min(std::max(sum, -0.25f), 0.5f);
        if (fn == UnaryFn::leaky_relu) sum = sum < 0 ? -0.25f * sum : sum;
        CHECK(found == sum, "%s channels=%zu function=%d: %g, expected %g", kernel.name, channels,
              activation.fn, found, sum);
      }
  }
}

TEST(col2im_f32) {
  int i = 0;
  for (size_t channels : {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33, 64, 70})
    for (UnaryFn fn : {UnaryFn::identity, UnaryFn::relu, UnaryFn::clip, UnaryFn::leaky_relu})
      for (Guard guard : {Guard::kFront, Guard::kBack}) {
        check(channels, 3, ++i % 3 > 0, fn, guard);
        check(channels, 0, i % 2 > 0, fn, guard);
      }
}

}  // namespace
}  // namespace edgert
