#include "kernels/layer_norm_f32/layer_norm_f32.h"

#include "harness.h"

namespace edgert {
namespace {

using test::FusedBits;
using test::Guard;
using test::GuardedArray;
using test::Random;

TEST(layer_norm_f32_tails) {
  Random random(1);
  for (size_t columns : {1, 2, 15, 16, 31, 32, 33, 47, 63, 65, 120, 500})
    for (Guard guard : {Guard::kFront, Guard::kBack}) {
      constexpr size_t kRows = 3;
      constexpr float kEpsilon = 1e-5f;
      GuardedArray<float> x(kRows * columns, guard), scale(columns, guard), shift(columns, guard);
      test::fill_uniform(x, random, 1.0f, 3.0f);
      test::fill_uniform(scale, random);
      test::fill_uniform(shift, random);
      FusedBits bits;
      for (const Kernel<LayerNormF32>& kernel : test::kernels(&LevelKernels::layer_norm_f32)) {
        GuardedArray<float> y(kRows * columns, guard);
        kernel.run({kRows, columns, x.data(), scale.data(), shift.data(), kEpsilon, y.data()});
        for (size_t r = 0; r < kRows; ++r) {
          const float* const row = x.data() + r * columns;
          double mean = 0, variance = 0;
          for (size_t j = 0; j < columns; ++j) mean += row[j] / static_cast<double>(columns);
          for (size_t j = 0; j < columns; ++j)
            variance += (row[j] - mean) * (row[j] - mean) / static_cast<double>(columns);
          for (size_t j = 0; j < columns; ++j) {
            const double exact =
                (row[j] - mean) / std::sqrt(variance + kEpsilon) * scale[j] + shift[j];
            CHECK(std::fabs(y[r * columns + j] - exact) < 1e-5, "%s columns=%zu: %g, expected %g",
                  kernel.name, columns, y[r * columns + j], exact);
          }
        }
        bits.check(kernel.isa, kernel.name, y.data(), y.size());
      }
    }
}

}  // namespace
}  // namespace edgert
