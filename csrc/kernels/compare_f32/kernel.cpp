#include "kernels/compare_f32/compare_f32.h"
#include "kernels/level.h"
#include "kernels/simd/math.h"
#include "kernels/simd/operand.h"

namespace edgert {
namespace {

template <CompareFn fn>
inline I32 holds(F32 a, F32 b) {
  const F32 yes = from_bits(I32::broadcast(1)), no = F32::zero();
  if constexpr (fn == CompareFn::equal) {
    return bits(select(a == b, yes, no));
  } else if constexpr (fn == CompareFn::not_equal) {
    return bits(select(a == b, no, yes));
  } else if constexpr (fn == CompareFn::less) {
    return bits(select(a < b, yes, no));
  } else {
    static_assert(fn == CompareFn::less_or_equal);
    return bits(select(a < b, yes, select(a == b, yes, no)));
  }
}

template <CompareFn fn, bool a_repeats, bool b_repeats>
void compare_rows(const CompareF32& g) {
  constexpr size_t kLanes = F32::kLanes;
  for (size_t r = 0; r < g.rows; ++r) {
    const float* const a = g.a.data + r * g.a.row;
    const float* const b = g.b.data + r * g.b.row;
    uint8_t* const y = g.y + r * g.columns;
    const auto at = [&](size_t j, int n) {
      return holds<fn>(operand<a_repeats>(a, j, n), operand<b_repeats>(b, j, n));
    };
    size_t j = 0;
    for (; j + kLanes <= g.columns; j += kLanes) store_u8(y + j, at(j, kLanes));
    const int left = static_cast<int>(g.columns - j);
    if (left > 0) store_u8(y + j, at(j, left), left);
  }
}

template <CompareFn fn>
inline void compare_repeated(const CompareF32& g) {
  if (g.a.column == 0)
    compare_rows<fn, true, false>(g);
  else if (g.b.column == 0)
    compare_rows<fn, false, true>(g);
  else
    compare_rows<fn, false, false>(g);
}

inline void compare(const CompareF32& g) {
  switch (g.fn) {
#define COMPARISON(name, id) \
  case CompareFn::name:      \
    return compare_repeated<CompareFn::name>(g);
#include "schema/functions.def"
  }
}

}  // namespace

void KERNEL_NAME(compare_f32)(const CompareF32& g) { compare(g); }

}  // namespace edgert
