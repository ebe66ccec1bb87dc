#include "kernels/batch_norm_f32/batch_norm_f32.h"

#include <algorithm>

#include "harness.h"

namespace edgert {
namespace {

using test::FusedBits;
using test::Guard;
using test::GuardedArray;
using test::Random;

TEST(batch_norm_f32_tails) {
  Random random(1);
  for (size_t columns = 1; columns < 70; ++columns)
    for (Guard guard : {Guard::kFront, Guard::kBack}) {
      constexpr size_t kRows = 3;
      GuardedArray<float> x(kRows * columns, guard), scale(columns, guard), shift(columns, guard);
      test::fill_uniform(x, random);
      test::fill_uniform(scale, random);
      test::fill_uniform(shift, random);
      FusedBits bits;
      for (const Kernel<BatchNormF32>& kernel : test::kernels(&LevelKernels::batch_norm_f32)) {
        GuardedArray<float> y(kRows * columns, guard), z(kRows * columns, guard);
        const Activation relu = {static_cast<int32_t>(UnaryFn::relu), 0, 0};
        kernel.run({kRows, columns, x.data(), scale.data(), shift.data(), y.data(), {}});
        std::copy(x.begin(), x.end(), z.begin());
        kernel.run({kRows, columns, z.data(), scale.data(), shift.data(), z.data(), relu});
        for (size_t i = 0; i < y.size(); ++i) {
          const double exact = double{x[i]} * scale[i % columns] + shift[i % columns];
          CHECK(std::fabs(y[i] - exact) <= 0x1p-23 && z[i] == std::max(y[i], 0.0f),
                "%s columns=%zu i=%zu", kernel.name, columns, i);
        }
        bits.check(kernel.isa, kernel.name, y.data(), y.size());
      }
    }
}

}  // namespace
}  // namespace edgert
