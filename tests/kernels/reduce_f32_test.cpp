#include "kernels/reduce_f32/reduce_f32.h"

#include <algorithm>
#include <limits>

#include "harness.h"

namespace edgert {
namespace {

using test::FusedBits;
using test::Guard;
using test::GuardedArray;
using test::Random;

double fold(ReduceFn fn, double a, double b) {
  switch (fn) {
    case ReduceFn::max:
      return std::max(a, b);
    case ReduceFn::min:
      return std::min(a, b);
    case ReduceFn::prod:
      return a * b;
    default:
      return a + b;
  }
}

void check(ReduceFn fn, size_t outer, size_t count, size_t inner, size_t stride, Guard guard) {
  Random random(count * 100 + inner);
  const size_t outer_stride = count * stride + 5;
  const size_t size = (outer - 1) * outer_stride + (count - 1) * stride + inner;
  GuardedArray<float> x(size, guard);
  test::fill_uniform(x, random, 0.5f, 1.5f);
  FusedBits bits;
  for (const Kernel<ReduceF32>& kernel : test::kernels(&LevelKernels::reduce_f32)) {
    GuardedArray<float> y(outer * inner, guard);
    kernel.run({fn, outer, count, inner, x.data(), outer_stride, stride, y.data(), 4.0f});
    for (size_t o = 0; o < outer; ++o)
      for (size_t j = 0; j < inner; ++j) {
        const float* const column = x.data() + o * outer_stride + j;
        double total = column[0];
        for (size_t i = 1; i < count; ++i) total = fold(fn, total, column[i * stride]);
        const float found = y[o * inner + j];
        CHECK(std::fabs(found - total / 4) <= std::fabs(total) * 1e-6,
              "%s function %d %zux%zux%zu: %g, expected %g", kernel.name, static_cast<int>(fn),
              outer, count, inner, found, total / 4);
      }
    bits.check(Isa::portable, kernel.name, y.data(),
               y.size());  // nothing to fuse: all kernels agree
  }
}

TEST(reduce_f32_rows_and_columns) {
  for (ReduceFn fn : {
#define REDUCTION(name, id) ReduceFn::name,
#include "schema/functions.def"
       })
    for (Guard guard : {Guard::kFront, Guard::kBack})
      for (size_t count : {1, 2, 15, 16, 31, 32, 33, 40, 65}) {
        check(fn, 3, count, 1, 1, guard);
        for (size_t inner : {1, 2, 15, 16, 17, 63, 64, 65, 83})
          check(fn, 2, count, inner, inner + 2, guard);
      }
}

TEST(reduce_f32_nothing_and_nan) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const Kernel<ReduceF32>& kernel : test::kernels(&LevelKernels::reduce_f32)) {
    float x[3] = {1.0f, std::numeric_limits<float>::quiet_NaN(), 2.0f}, y = 0;
    for (const auto& [fn, expected] : {std::pair{ReduceFn::sum, 0.0f},
                                       {ReduceFn::prod, 1.0f},
                                       {ReduceFn::max, -kInfinity},
                                       {ReduceFn::min, kInfinity}}) {
      kernel.run({fn, 1, 0, 1, x, 0, 1, &y, 1.0f});
      CHECK(y == expected, "%s function %d of nothing is %g", kernel.name, static_cast<int>(fn), y);
      kernel.run({fn, 1, 3, 1, x, 3, 1, &y, 1.0f});
      CHECK(std::isnan(y), "%s function %d of NaN is %g", kernel.name, static_cast<int>(fn), y);
    }
  }
}

}  // namespace
}  // namespace edgert
