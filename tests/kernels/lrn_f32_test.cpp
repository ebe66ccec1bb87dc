#include "kernels/lrn_f32/lrn_f32.h"

#include <algorithm>

#include "harness.h"

namespace edgert {
namespace {

using test::FusedBits;
using test::Guard;
using test::GuardedArray;
using test::Random;

TEST(lrn_f32_windows_and_tails) {
  Random random(1);
  for (size_t size : {1, 2, 3, 5, 8, 90})
    for (size_t columns : {1, 2, 7, 16, 20, 37, 64})
      for (Guard guard : {Guard::kFront, Guard::kBack}) {
        constexpr size_t kRows = 2;
        constexpr float kAlpha = 0.3f, kBeta = 0.75f, kBias = 1.5f;
        GuardedArray<float> x(kRows * columns, guard);
        test::fill_uniform(x, random, -3.0f, 3.0f);
        FusedBits bits;
        for (const Kernel<LrnF32>& kernel : test::kernels(&LevelKernels::lrn_f32)) {
          GuardedArray<float> y(kRows * columns, guard);
          kernel.run({kRows, columns, x.data(), y.data(), size, kAlpha, kBeta, kBias});
          for (size_t r = 0; r < kRows; ++r)
            for (size_t c = 0; c < columns; ++c) {
              const float* const row = x.data() + r * columns;
              const size_t first = c - std::min(c, (size - 1) / 2);
              double sum = 0;
              for (size_t i = first; i <= std::min(columns - 1, c + size / 2); ++i)
                sum += double{row[i]} * row[i];
              const double exact =
                  row[c] / std::pow(kBias + kAlpha / static_cast<double>(size) * sum, kBeta);
              CHECK(std::fabs(y[r * columns + c] - exact) <= std::fabs(exact) * 1e-6,
                    "%s size=%zu columns=%zu: %g, expected %g", kernel.name, size, columns,
                    y[r * columns + c], exact);
            }
          bits.check(kernel.isa, kernel.name, y.data(), y.size());
        }
      }
}

}  // namespace
}  // namespace edgert
