// The loops of every binary_u8 kernel, over the vector types of the including file.
#pragma once

#include "kernels/binary_u8/binary_u8.h"
#include "kernels/simd/requantize.h"

namespace edgert {
namespace {

// Elements j .. j + n - 1 of a row, or n copies of its only one.
template <bool repeats>
inline I32 operand(const uint8_t* row, size_t j, int n) {
  return repeats ? I32::broadcast(*row) : load_u8_first(row + j, n);
}

template <BinaryFn fn, bool a_repeats, bool b_repeats, typename T>
void combine_rows(const BinaryU8& g) {
  constexpr size_t kLanes = F32::kLanes;
  const Requantizer requantizer(g.output);
  const I32 a_zero = I32::broadcast(g.a.zero), b_zero = I32::broadcast(g.b.zero);
  const F32 a_scale = constant(g.a.scale), b_scale = constant(g.b.scale);
  const F32 scale = a_scale * b_scale;
  for (size_t r = 0; r < g.rows; ++r) {
    const uint8_t* const a = g.a.data + r * g.a.row;
    const uint8_t* const b = g.b.data + r * g.b.row;
    T* const y = static_cast<T*>(g.y) + r * g.columns;
    for (size_t j = 0; j < g.columns; j += kLanes) {
      const int n = static_cast<int>(g.columns - j < kLanes ? g.columns - j : kLanes);
      const F32 x = to_f32(operand<a_repeats>(a, j, n) - a_zero);
      const F32 z = to_f32(operand<b_repeats>(b, j, n) - b_zero);
      // The product of two integers of 9 bits is exact; as an integer it has one zero only.
      const F32 product = x * z + F32::zero();
      requantizer.store(fn == BinaryFn::mul ? product * scale : x * a_scale + z * b_scale, y + j,
                        n);
    }
  }
}

template <BinaryFn fn, typename T>
inline void combine_repeated(const BinaryU8& g) {
  if (g.a.column == 0)
    combine_rows<fn, true, false, T>(g);
  else if (g.b.column == 0)
    combine_rows<fn, false, true, T>(g);
  else
    combine_rows<fn, false, false, T>(g);
}

template <BinaryFn fn>
inline void combine(const BinaryU8& g) {
  if (g.output.dtype == static_cast<int32_t>(DType::f32))
    combine_repeated<fn, float>(g);
  else
    combine_repeated<fn, uint8_t>(g);
}

inline void binary(const BinaryU8& g) {
  if (g.fn == BinaryFn::mul)
    combine<BinaryFn::mul>(g);
  else
    combine<BinaryFn::add>(g);
}

}  // namespace
}  // namespace edgert
