#include "kernels/signs_f32/signs_f32.h"

#include <cmath>
#include <limits>

#include "harness.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;
using test::Random;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kValues[] = {0.0f,       -0.0f,     kNan,       -kNan, kInfinity,
                             -kInfinity, 0x1p-149f, -0x1p-149f, 1.0f,  -1.0f};

void check(size_t rows, size_t columns, int32_t zero, int32_t nan, Guard guard) {
  GuardedArray<float> x(rows * columns, guard);
  Random random(rows * 1009 + columns);
  for (float& value : x) value = kValues[random.integer(0, 9)];
  const size_t bytes = (columns + 7) / 8;
  for (const Kernel<SignsF32>& kernel : test::kernels(&LevelKernels::signs_f32)) {
    GuardedArray<uint8_t> y(rows * bytes, guard);
    kernel.run({rows, columns, x.data(), y.data(), zero, nan});
    for (size_t r = 0; r < rows; ++r)
      for (size_t c = 0; c < 8 * bytes; ++c) {
        const float value = c < columns ? x[r * columns + c] : 1.0f;
        const bool negative = value == 0 ? zero < 0 : std::isnan(value) ? nan < 0 : value < 0;
        CHECK((y[r * bytes + c / 8] >> c % 8 & 1) == int{negative},
              "%s %zux%zu zero=%d nan=%d: the bit of %g at %zu, %zu", kernel.name, rows, columns,
              zero, nan, static_cast<double>(value), r, c);
      }
  }
}

TEST(signs_f32_columns_and_meanings) {
  for (size_t columns = 0; columns < 70; ++columns)
    for (int32_t zero : {-1, 1})
      for (int32_t nan : {-1, 1})
        for (Guard guard : {Guard::kFront, Guard::kBack}) check(3, columns, zero, nan, guard);
}

}  // namespace
}  // namespace edgert
