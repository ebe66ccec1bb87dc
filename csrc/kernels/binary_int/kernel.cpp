#include "kernels/binary_int/binary_int.h"

#define EDGERT_ROUND_TWICE
#include "kernels/level.h"
#include "kernels/simd/requantize.h"

namespace edgert {
namespace {

// Elements j .. j + n - 1 of a row, or n copies of its only one, without their zero point.
template <bool repeats>
inline F32 operand(const uint8_t* row, size_t j, int n, I32 zero) {
  return to_f32((repeats ? I32::broadcast(*row) : load_u8_first(row + j, n)) - zero);
}

// The same for four vectors, in the order of widen_u8(); `zero` is 2^23 more.
template <bool repeats>
inline void operands(const uint8_t* row, size_t j, F32 zero, F32 (&v)[4]) {
  widen_u8(repeats ? constant_u8(*row) : load_bytes(row + j), v);
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) v[i] = v[i] - zero;
}

template <BinaryFn fn, bool shifted = false>
class Combination {
 public:
  explicit Combination(const BinaryInt& g)
      : a_scale_(constant(g.a.scale)),
        b_scale_(constant(g.b.scale)),
        scale_(a_scale_ * b_scale_),
        shift_(constant(g.shift)) {}
  template <bool to_integer>
  F32 combine(F32 a, F32 b) const {
    if (shifted)
      return fn == BinaryFn::add ? fma_once(a, a_scale_, fma_once(b, b_scale_, shift_))
                                 : a * b * scale_ + shift_;
    if (fn == BinaryFn::add) return a * a_scale_ + b * b_scale_;
    // The product of two integers of 9 bits is exact, that of 16 bits is rounded once. As an
    // integer it has one zero only, which a result that is an integer does not show.
    return (to_integer ? a * b : a * b + F32::zero()) * scale_;
  }
  // Whether the magnitude of every result is small enough to become an integer as it is.
  bool is_small() const {
    const F32 most = constant(255.0f);
    const F32 bound =
        fn == BinaryFn::add ? most * (abs(a_scale_) + abs(b_scale_)) : most * most * abs(scale_);
    return (bound + abs(shift_)).first() < 0x1p30f;
  }

 private:
  F32 a_scale_, b_scale_, scale_, shift_;
};

template <BinaryFn fn, bool shifted, bool a_repeats, bool b_repeats>
void combine_rows(const BinaryInt& g) {
  constexpr size_t kLanes = F32::kLanes, kBlock = 4 * kLanes;
  constexpr float kWidened = 0x1p23f;
  const Requantizer requantizer(g.output);
  const Combination<fn, shifted> combination(g);
  const I32 a_zero = I32::broadcast(g.a.zero), b_zero = I32::broadcast(g.b.zero);
  const F32 widened_a_zero = constant(kWidened + static_cast<float>(g.a.zero));
  const F32 widened_b_zero = constant(kWidened + static_cast<float>(g.b.zero));
  const Bytes4::Range range(g.output.zero, g.output.low, g.output.high);
  const bool in_blocks = g.output.dtype == static_cast<int32_t>(DType::u8) &&
                         requantizer.linear() && combination.is_small();
  for (size_t r = 0; r < g.rows; ++r) {
    const uint8_t* const a = g.a.data + r * g.a.row;
    const uint8_t* const b = g.b.data + r * g.b.row;
    const size_t first = r * g.columns;
    size_t j = 0;
    for (; in_blocks && j + kBlock <= g.columns; j += kBlock) {
      F32 x[4], z[4];
      I32 q[4];
      operands<a_repeats>(a, j, widened_a_zero, x);
      operands<b_repeats>(b, j, widened_b_zero, z);
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) q[i] = to_i32(combination.template combine<true>(x[i], z[i]));
      store_bytes(static_cast<uint8_t*>(g.y) + first + j, Bytes4::shuffled(q, range));
    }
    for (; j < g.columns; j += kLanes) {
      const int n = static_cast<int>(g.columns - j < kLanes ? g.columns - j : kLanes);
      const F32 x = operand<a_repeats>(a, j, n, a_zero), z = operand<b_repeats>(b, j, n, b_zero);
      requantizer.store(combination.template combine<false>(x, z), g.y, first + j, n);
    }
  }
}

template <BinaryFn fn, bool shifted = false>
inline void combine_repeated(const BinaryInt& g) {
  if (g.a.column == 0)
    combine_rows<fn, shifted, true, false>(g);
  else if (g.b.column == 0)
    combine_rows<fn, shifted, false, true>(g);
  else
    combine_rows<fn, shifted, false, false>(g);
}

inline void combine_all(const BinaryInt& g) {
  if (g.fn == BinaryFn::mul)
    g.shifted ? combine_repeated<BinaryFn::mul, true>(g) : combine_repeated<BinaryFn::mul>(g);
  else if (g.shifted)
    combine_repeated<BinaryFn::add, true>(g);
  else
    combine_repeated<BinaryFn::add>(g);
}

// Operands of 16 bits, vector by vector.
__attribute__((noinline)) inline void combine_i16(const BinaryInt& g) {
  constexpr size_t kLanes = F32::kLanes;
  const Requantizer requantizer(g.output);
  const Combination<BinaryFn::add> sum(g);
  const Combination<BinaryFn::mul> product(g);
  const auto load = [](const int16_t* row, size_t column, size_t j, int n) {
    return to_f32(column == 0 ? I32::broadcast(*row) : load_i16_first(row + j, n));
  };
  for (size_t r = 0; r < g.rows; ++r) {
    const int16_t* const a = reinterpret_cast<const int16_t*>(g.a.data) + r * g.a.row;
    const int16_t* const b = reinterpret_cast<const int16_t*>(g.b.data) + r * g.b.row;
    for (size_t j = 0; j < g.columns; j += kLanes) {
      const int n = static_cast<int>(g.columns - j < kLanes ? g.columns - j : kLanes);
      const F32 x = load(a, g.a.column, j, n), z = load(b, g.b.column, j, n);
      requantizer.store(
          g.fn == BinaryFn::mul ? product.combine<false>(x, z) : sum.combine<false>(x, z), g.y,
          r * g.columns + j, n);
    }
  }
}

// A matrix combined with one row for all: several of its rows become one, which fills more lanes.
inline void combine_with_row(const BinaryInt& g, BinaryOperandInt BinaryInt::* matrix,
                             BinaryOperandInt BinaryInt::* row) {
  constexpr size_t kMost = 2048;
  const size_t fitting = kMost / g.columns;
  const size_t together = fitting < g.rows ? fitting : g.rows;
  if (together < 2) return combine_all(g);
  uint8_t repeated[kMost];
  for (size_t r = 0; r < together; ++r)
    __builtin_memcpy(repeated + r * g.columns, (g.*row).data, g.columns);
  const size_t bytes = g.output.dtype == static_cast<int32_t>(DType::f32) ? sizeof(float) : 1;
  BinaryInt part = g;
  (part.*row).data = repeated;
  const auto combine_part = [&](size_t first, size_t rows, size_t rows_together) {
    const size_t at = first * g.columns;
    part.rows = rows;
    part.columns = rows_together * g.columns;
    (part.*matrix).data = (g.*matrix).data + at;
    (part.*matrix).row = part.columns;
    part.y = static_cast<uint8_t*>(g.y) + at * bytes;
    combine_all(part);
  };
  const size_t whole = g.rows / together, left = g.rows % together;
  combine_part(0, whole, together);
  if (left > 0) combine_part(g.rows - left, 1, left);
}

inline void binary(const BinaryInt& g) {
  const auto is_row = [](const BinaryOperandInt& x) { return x.row == 0 && x.column == 1; };
  const auto is_matrix = [&](const BinaryOperandInt& x) {
    return x.row == g.columns && x.column == 1;
  };
  if (g.columns == 0) return;
  if (g.dtype == DType::i16) return combine_i16(g);
  if (is_matrix(g.a) && is_row(g.b))
    combine_with_row(g, &BinaryInt::a, &BinaryInt::b);
  else if (is_row(g.a) && is_matrix(g.b))
    combine_with_row(g, &BinaryInt::b, &BinaryInt::a);
  else
    combine_all(g);
}

}  // namespace

void KERNEL_NAME(binary_int)(const BinaryInt& g) { binary(g); }

}  // namespace edgert
