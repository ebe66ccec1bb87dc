#include "kernels/softmax_u8/softmax_u8.h"

#define EDGERT_ROUND_TWICE
#include "kernels/level.h"
#include "kernels/simd/byte_rows.h"

namespace edgert {
namespace {

constexpr size_t kBlock = 256;  // entries of a table; elements whose sum has 32 bits

inline int32_t greatest_of(const uint8_t* x, size_t n) {
  I32 greatest = I32::zero();
  for_bytes(x, n, [&](I32 bytes) { greatest = max_u8(greatest, bytes); });
  greatest = max_u8(greatest, shift_right<16>(greatest));
  greatest = max_u8(greatest, shift_right<8>(greatest));
  return fold_lanes(greatest, max_u8) & 255;
}

// The entries of a table at the first n of a vector of bytes, and at zeros. A call: it is long.
__attribute__((noinline)) inline I32 look_up(const int32_t* table, const uint8_t* x, int n) {
  if (n == F32::kLanes) return gather(table, x);
  uint8_t some[F32::kLanes] = {};
  __builtin_memcpy(some, x, static_cast<size_t>(n));
  return gather(table, some);
}

// A call, so that the loop over rows is not made twice, for short and for long ones.
__attribute__((noinline)) inline void softmax_row(const SoftmaxU8& g, const uint8_t* x,
                                                  uint8_t* y) {
  const ByteRounding rounding(g.zero);
  const size_t n = g.columns;
  const size_t shift = 255 - static_cast<size_t>(greatest_of(x, n));
  const int32_t* const table = g.table + shift;
  int32_t e[kBlock];
  int64_t sum = 0;
  for (size_t first = 0; first < n; first += kBlock) {
    I32 sums = I32::zero();
    for_lanes(n - first < kBlock ? n - first : kBlock, [&](size_t j, int lanes) {
      const I32 terms = look_up(table, x + first + j, lanes);
      terms.store(e + j);
      sums = sums + terms;
    });
    sum += static_cast<uint32_t>(sum_of_lanes(sums));
  }
  sum -= static_cast<int64_t>((0 - n) % F32::kLanes) * table[0];  // beyond the end of the row
  const F32 factor = constant(g.levels / static_cast<float>(sum));
  // The results of all bytes are fewer than the elements of a long row.
  const bool is_long = n > kBlock;
  const int32_t* const from = is_long ? g.table : e;
  const size_t count = is_long ? kBlock : n;
#pragma GCC unroll 1
  for (size_t j = 0; j < count; j += F32::kLanes)
    rounding.round(to_f32(I32::load(from + j)) * factor).store(e + j);
  if (is_long)
    for_lanes(n, [&](size_t j, int lanes) {
      store_lanes(y + j, look_up(e + shift, x + j, lanes), lanes);
    });
  else
    for_lanes(n, [&](size_t j, int lanes) { store_lanes(y + j, I32::load(e + j), lanes); });
}

inline void softmax(const SoftmaxU8& g) {
  for (size_t r = 0; r < g.rows; ++r) softmax_row(g, g.x + r * g.columns, g.y + r * g.columns);
}

}  // namespace

void KERNEL_NAME(softmax_u8)(const SoftmaxU8& g) { softmax(g); }

}  // namespace edgert
