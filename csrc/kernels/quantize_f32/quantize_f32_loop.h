// The loop of every quantize_f32 kernel, over the vector types of the including file.
#pragma once

#include "kernels/quantize_f32/quantize_f32.h"
#include "kernels/simd/math.h"

namespace edgert {
namespace {

// The quotient corrected by its exact remainder, for a divisor whose reciprocal is a normal float
// and quotients of moderate size: the bits of a division (Markstein's theorem), in less time. A
// quotient so small that the remainder is inexact rounds to zero with any last bits.
struct Reciprocal {
  F32 inverse, minus_scale;
  explicit Reciprocal(float scale)
      : inverse(constant(1.0f / scale)), minus_scale(constant(-scale)) {}
  F32 operator()(F32 x) const {
    const F32 q = x * inverse;
    return accumulate(q, accumulate(x, q, minus_scale), inverse);
  }
};

struct Division {
  F32 scale;
  explicit Division(float s) : scale(constant(s)) {}
  F32 operator()(F32 x) const { return x / scale; }
};

template <typename Divide>
void quantize_all(const QuantizeF32& q) {
  constexpr size_t kLanes = F32::kLanes;
  const Divide divide(q.scale);
  // x is clamped first, beyond what the limits need: no quotient is infinite.
  const F32 least = constant((q.low - q.zero - 1) * q.scale);
  const F32 most = constant((q.high - q.zero + 1) * q.scale);
  const F32 low = constant(static_cast<float>(q.low - q.zero));
  const F32 high = constant(static_cast<float>(q.high - q.zero));
  const I32 zero = I32::broadcast(q.zero), byte = I32::broadcast(255);
  const auto at = [&](F32 x) {
    x = min(most, max(x, least));  // of NaN: least
    return (to_i32(min(high, max(low, divide(x)))) + zero) & byte;
  };
  size_t i = 0;
  for (; i + kLanes <= q.n; i += kLanes) store_u8(q.y + i, at(F32::load(q.x + i)));
  const int left = static_cast<int>(q.n - i);
  if (left > 0) store_u8(q.y + i, at(F32::load(q.x + i, left)), left);
}

// `fused`: accumulate() rounds once.
template <bool fused>
inline void quantize(const QuantizeF32& q) {
  if (fused && q.scale >= 0x1p-90f && q.scale <= 0x1p90f)
    quantize_all<Reciprocal>(q);
  else
    quantize_all<Division>(q);
}

}  // namespace
}  // namespace edgert
