#include "kernels/dequantize_f32/dequantize_f32.h"

#include "harness.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;
using test::Random;

template <typename T>
void check(DType dtype, size_t n, float scale, int32_t zero, Guard guard) {
  GuardedArray<T> x(n, guard);
  Random random(n);
  for (T& value : x) value = static_cast<T>(random.bits());
  for (const Kernel<DequantizeF32>& kernel : test::kernels(&LevelKernels::dequantize_f32)) {
    GuardedArray<float> y(n, guard);
    kernel.run({n, dtype, x.data(), y.data(), scale, zero});
    for (size_t i = 0; i < n; ++i) {
      const float expected = static_cast<float>(int32_t{x[i]} - zero) * scale;
      CHECK(std::memcmp(&y[i], &expected, sizeof expected) == 0,
            "%s type=%d n=%zu i=%zu: %d gives %a, expected %a", kernel.name,
            static_cast<int>(dtype), n, i, int{x[i]}, y[i], expected);
    }
  }
}

TEST(dequantize_f32_lengths_and_types) {
  for (size_t n = 0; n < 70; ++n)
    for (Guard guard : {Guard::kFront, Guard::kBack}) {
      for (int zero : {0, 3, 255}) check<uint8_t>(DType::u8, n, 0.0173f, zero, guard);
      for (int zero : {-128, 0, 127}) check<int8_t>(DType::i8, n, 0.3f, zero, guard);
      check<int32_t>(DType::i32, n, 1e-7f, 0, guard);
    }
}

TEST(dequantize_f32_scales) {
  for (float scale : {0.0f, 1e-45f, 1e-40f, 1.0f, 0x1p40f}) {
    check<uint8_t>(DType::u8, 500, scale, 128, Guard::kBack);
    check<int8_t>(DType::i8, 500, scale, -5, Guard::kBack);
    check<int32_t>(DType::i32, 500, scale, 0, Guard::kBack);
  }
}

}  // namespace
}  // namespace edgert
