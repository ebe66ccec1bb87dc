#include "kernels/dequantize_f32/dequantize_f32.h"

#define EDGERT_ROUND_TWICE
#include "kernels/level.h"
#include "kernels/simd/math.h"

namespace edgert {
namespace {

// load(i, n): the elements i .. i + n - 1, without their zero point.
template <typename Load>
inline void scale_all(const DequantizeF32& d, const Load& load) {
  constexpr size_t kLanes = F32::kLanes;
  const F32 scale = constant(d.scale);
  size_t i = 0;
  for (; i + kLanes <= d.n; i += kLanes) (to_f32(load(i, kLanes)) * scale).store(d.y + i);
  const int left = static_cast<int>(d.n - i);
  if (left > 0) (to_f32(load(i, left)) * scale).store(d.y + i, left);
}

inline void dequantize(const DequantizeF32& d) {
  if (d.dtype == DType::i32) {
    const int32_t* const x = static_cast<const int32_t*>(d.x);
    return scale_all(d, [x](size_t i, int n) { return load_first(x + i, n); });
  }
  if (d.dtype == DType::i16) {
    const int16_t* const x = static_cast<const int16_t*>(d.x);
    return scale_all(d, [x](size_t i, int n) { return load_i16_first(x + i, n); });
  }
  // A signed byte is the unsigned one with the top bit flipped, minus 128.
  const uint8_t* const x = static_cast<const uint8_t*>(d.x);
  const int32_t bias = d.dtype == DType::i8 ? 128 : 0;
  const I32 flip = I32::broadcast(bias), zero = I32::broadcast(d.zero + bias);
  scale_all(d, [=](size_t i, int n) { return (load_u8_first(x + i, n) ^ flip) - zero; });
}

}  // namespace

void KERNEL_NAME(dequantize_f32)(const DequantizeF32& d) { dequantize(d); }

}  // namespace edgert
