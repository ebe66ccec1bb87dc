#include "kernels/quantize_f32/quantize_f32.h"

#define EDGERT_ROUND_TWICE
#include "kernels/level.h"
#include "kernels/simd/math.h"

namespace edgert {
namespace {

// The quotient corrected by its exact remainder, for a divisor whose reciprocal is a normal float
// and quotients of moderate size: the bits of a division (Markstein's theorem), in less time. A
// quotient so small that the remainder is inexact rounds to zero with any last bits.
struct Reciprocal {
  F32 inverse, minus_scale;
  explicit Reciprocal(const QuantizeF32& g)
      : inverse(constant(1.0f / g.scale)), minus_scale(constant(-g.scale)) {}
  F32 operator()(F32 x) const {
    const F32 q = x * inverse;
    return accumulate(q, accumulate(x, q, minus_scale), inverse);
  }
};

struct Division {
  F32 scale;
  explicit Division(const QuantizeF32& g) : scale(constant(g.scale)) {}
  F32 operator()(F32 x) const { return x / scale; }
};

// Stores four vectors of integers.
struct Bytes {
  using Element = uint8_t;
  // Computed as unsigned bytes; the top bit of signed ones is flipped at the end.
  Bytes4::Range range;
  I32 flip;
  explicit Bytes(const QuantizeF32& g)
      : range(g.zero - g.low, 0, 255), flip(constant_u8(g.low < 0 ? 128 : 0)) {}
  void store(uint8_t* y, const I32 (&q)[4]) const {
    store_bytes(y, Bytes4(q, range).bytes() ^ flip);
  }
};
struct Words {  // whose zero point is 0
  using Element = int16_t;
  F32 low, high;
  explicit Words(const QuantizeF32& g)
      : low(constant(static_cast<float>(g.low))), high(constant(static_cast<float>(g.high))) {}
  void store(int16_t* y, const I32 (&q)[4]) const {
    for (int v = 0; v < 4; ++v)  // integers that a float holds
      store_i16(y + v * F32::kLanes, to_i32(min(high, max(low, to_f32(q[v])))));
  }
};

// The quotient and a part of the zero point.
template <typename Divide>
struct Shifted {
  Divide divide;
  F32 shift;
  explicit Shifted(const QuantizeF32& g) : divide(g), shift(constant(g.shift)) {}
  F32 operator()(F32 x) const { return divide(x) + shift; }
};

template <typename Scaled, typename Elements>
void quantize_all(const QuantizeF32& g) {
  constexpr size_t kBlock = 4 * F32::kLanes;
  using Element = typename Elements::Element;
  const Scaled scaled(g);
  const Elements elements(g);
  // What is clamped here, one unit beyond the limits and before the division, is clamped to them as
  // an integer.
  const float zero = static_cast<float>(g.zero) + g.shift;
  const F32 least = constant((static_cast<float>(g.low - 1) - zero) * g.scale);
  const F32 most = constant((static_cast<float>(g.high + 1) - zero) * g.scale);
  const auto block = [&](const float* x, Element* y) {
    I32 q[4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v)  // NaN becomes the least
      q[v] = to_i32(scaled(min(most, max(F32::load(x + v * F32::kLanes), least))));
    elements.store(y, q);
  };
  Element* const to = static_cast<Element*>(g.y);
  size_t i = 0;
  for (; i + kBlock <= g.n; i += kBlock) block(g.x + i, to + i);
  if (i == g.n) return;
  float x[kBlock] = {};
  Element y[kBlock];
  __builtin_memcpy(x, g.x + i, (g.n - i) * sizeof(float));
  block(x, y);
  __builtin_memcpy(to + i, y, (g.n - i) * sizeof(Element));
}

inline void quantize(const QuantizeF32& g) {
  if (g.dtype == DType::i16)
    quantize_all<Division, Words>(g);
  else if (g.shift != 0)
    quantize_all<Shifted<Division>, Bytes>(g);
  else if (F32::kFused && g.scale >= 0x1p-90f && g.scale <= 0x1p90f)
    quantize_all<Reciprocal, Bytes>(g);
  else
    quantize_all<Division, Bytes>(g);
}

}  // namespace

void KERNEL_NAME(quantize_f32)(const QuantizeF32& g) { quantize(g); }

}  // namespace edgert
