#include "kernels/softmax_f32/softmax_f32.h"

#include <algorithm>
#include <limits>

#include "harness.h"

namespace edgert {
namespace {

using test::FusedBits;
using test::Guard;
using test::GuardedArray;
using test::Random;

// [outer][count][stride] of which `inner` columns are there.
void check(size_t outer, size_t count, size_t inner, size_t stride, bool log, Guard guard) {
  Random random(count * 100 + inner);
  const size_t size = outer * count * stride - (stride - inner);
  GuardedArray<float> x(size, guard);
  test::fill_uniform(x, random, -20.0f, 20.0f);
  FusedBits bits;
  for (const Kernel<SoftmaxF32>& kernel : test::kernels(&LevelKernels::softmax_f32)) {
    GuardedArray<float> y(size, guard);
    kernel.run({outer, count, inner, x.data(), y.data(), stride, log});
    std::vector<float> results;
    for (size_t o = 0; o < outer; ++o)
      for (size_t j = 0; j < inner; ++j) {
        const auto at = [&](size_t i) { return (o * count + i) * stride + j; };
        double greatest = -1e30, sum = 0;
        for (size_t i = 0; i < count; ++i) greatest = std::max(greatest, double{x[at(i)]});
        for (size_t i = 0; i < count; ++i) sum += std::exp(x[at(i)] - greatest);
        for (size_t i = 0; i < count; ++i) {
          const double term = x[at(i)] - greatest;
          const double exact = log ? term - std::log(sum) : std::exp(term) / sum;
          const double bound = log ? 1e-5 : exact * 1e-5 + 1e-37;
          CHECK(std::fabs(y[at(i)] - exact) <= bound, "%s %zux%zux%zu: %g, expected %g",
                kernel.name, outer, count, inner, y[at(i)], exact);
          results.push_back(y[at(i)]);
        }
      }
    for (size_t i = 0; i < size; ++i)
      CHECK(i % stride < inner || std::isnan(y[i]), "%s wrote between the rows", kernel.name);
    bits.check(kernel.isa, kernel.name, results.data(), results.size());
  }
}

TEST(softmax_f32_rows_and_columns) {
  for (bool log : {false, true})
    for (Guard guard : {Guard::kFront, Guard::kBack})
      for (size_t count : {1, 2, 15, 31, 32, 33, 40, 65, 100}) {
        check(3, count, 1, 1, log, guard);
        for (size_t inner : {2, 7, 16, 19}) {
          check(2, count, inner, inner, log, guard);
          check(1, count, inner, inner + 3, log, guard);
        }
      }
}

TEST(softmax_f32_corners) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const Kernel<SoftmaxF32>& kernel : test::kernels(&LevelKernels::softmax_f32)) {
    float masked[3] = {1.0f, -1e30f, -kInfinity}, y[3];
    kernel.run({1, 3, 1, masked, y, 1, false});
    CHECK(y[0] == 1.0f && y[1] == 0.0f && y[2] == 0.0f, "%s: %g %g %g", kernel.name, y[0], y[1],
          y[2]);
    masked[1] = std::numeric_limits<float>::quiet_NaN();
    kernel.run({1, 3, 1, masked, y, 1, false});
    CHECK(std::isnan(y[0]) && std::isnan(y[1]), "%s: NaN gives %g %g", kernel.name, y[0], y[1]);
  }
}

}  // namespace
}  // namespace edgert
