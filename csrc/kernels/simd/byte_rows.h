// What the kernels on rows of bytes share. Included by kernel files that define EDGERT_ROUND_TWICE
// before the vector types of their instruction set; everything is local to the file.
#pragma once

#include "kernels/simd/math.h"

namespace edgert {
namespace {

// All lanes combined by op(I32, I32).
template <typename Op>
inline int32_t fold_lanes(I32 v, Op op) {
  constexpr int kLanes = F32::kLanes;
  if constexpr (kLanes > 8) v = op(v, bits(exchange<8>(from_bits(v))));
  if constexpr (kLanes > 4) v = op(v, bits(exchange<4>(from_bits(v))));
  v = op(v, bits(exchange<2>(from_bits(v))));
  v = op(v, bits(exchange<1>(from_bits(v))));
  int32_t lanes[kLanes];
  v.store(lanes);
  return lanes[0];
}

inline int32_t sum_of_lanes(I32 v) {  // modulo 2^32
  return fold_lanes(v, [](I32 a, I32 b) { return a + b; });
}

// The first n bytes, one per lane, and zeros; and back. Calls, which keep the loops short.
__attribute__((noinline)) inline I32 load_tail(const uint8_t* p, int n) {
  uint8_t bytes[4 * F32::kLanes] = {};
  __builtin_memcpy(bytes, p, static_cast<size_t>(n));
  return load_u8(bytes);
}
__attribute__((noinline)) inline void store_tail(uint8_t* p, I32 a, int n) {
  uint8_t bytes[F32::kLanes];
  store_u8(bytes, a);
  __builtin_memcpy(p, bytes, static_cast<size_t>(n));
}

inline I32 load_lanes(const uint8_t* p, int n) {
  return n == F32::kLanes ? load_u8(p) : load_tail(p, n);
}

inline void store_lanes(uint8_t* p, I32 a, int n) {
  n == F32::kLanes ? store_u8(p, a) : store_tail(p, a, n);
}

// Calls take(bytes) for vectors that together have the n bytes of x, and zeros.
template <typename Take>
inline void for_bytes(const uint8_t* x, size_t n, Take take) {
  constexpr size_t kLanes = F32::kLanes, kBytes = 4 * kLanes;
  size_t j = 0;
  for (; j + kBytes <= n; j += kBytes) take(load_bytes(x + j));
  for (; j + kLanes <= n; j += kLanes) take(load_u8(x + j));
  if (j < n) take(load_tail(x + j, static_cast<int>(n - j)));
}

// Calls body(j, n) for the elements j .. j + n - 1 of `count`, as many at a time as lanes. Not
// unrolled: with few elements it would become as many copies of the body.
template <typename Body>
inline void for_lanes(size_t count, Body body) {
  constexpr size_t kLanes = F32::kLanes;
  size_t j = 0;
#pragma GCC unroll 1
  for (; j + kLanes <= count; j += kLanes) body(j, F32::kLanes);
  if (j < count) body(j, static_cast<int>(count - j));
}

// clamp(round(t) + zero, 0, 255), half to even; NaN gives 0.
class ByteRounding {
 public:
  explicit ByteRounding(int32_t zero)
      : low_(constant(static_cast<float>(-zero))),
        high_(constant(static_cast<float>(255 - zero))),
        zero_(I32::broadcast(zero)) {}
  I32 round(F32 t) const { return to_i32(min(high_, max(t, low_))) + zero_; }

 private:
  F32 low_, high_;
  I32 zero_;
};

}  // namespace
}  // namespace edgert
