#include "kernels/binary_f32/binary_f32.h"
#include "kernels/level.h"
#include "kernels/simd/activation.h"
#include "kernels/simd/operand.h"
#include "kernels/simd/scalar_math.h"

namespace edgert {
namespace {

template <BinaryFn fn>
inline F32 combine(F32 a, F32 b) {
  if constexpr (fn == BinaryFn::add) {
    return a + b;
  } else if constexpr (fn == BinaryFn::sub) {
    return a - b;
  } else if constexpr (fn == BinaryFn::mul) {
    return a * b;
  } else if constexpr (fn == BinaryFn::div) {
    return a / b;
  } else if constexpr (fn == BinaryFn::pow) {
    return pow(a, b);
  } else if constexpr (fn == BinaryFn::max) {
    return max_or_nan(a, b);
  } else if constexpr (fn == BinaryFn::min) {
    return min_or_nan(a, b);
  } else if constexpr (fn == BinaryFn::prelu) {
    return select(a < F32::zero(), b * a, a);
  } else {
    static_assert(fn == BinaryFn::remainder);
    return remainder(a, b);
  }
}

template <BinaryFn fn, bool a_repeats, bool b_repeats, bool activates>
void combine_rows(const BinaryF32& g) {
  constexpr size_t kLanes = F32::kLanes;
  const UnaryFn activation = static_cast<UnaryFn>(g.activation.fn);
  const F32 alpha = F32::broadcast(g.activation.alpha), beta = F32::broadcast(g.activation.beta);
  for (size_t r = 0; r < g.rows; ++r) {
    const float* const a = g.a.data + r * g.a.row;
    const float* const b = g.b.data + r * g.b.row;
    float* const y = g.y + r * g.columns;
    const auto at = [&](size_t j, int n) {
      const F32 value = combine<fn>(operand<a_repeats>(a, j, n), operand<b_repeats>(b, j, n));
      return activates ? apply(activation, value, alpha, beta) : value;
    };
    size_t j = 0;
    for (; j + kLanes <= g.columns; j += kLanes) at(j, kLanes).store(y + j);
    const int left = static_cast<int>(g.columns - j);
    if (left > 0) at(j, left).store(y + j, left);
  }
}

template <BinaryFn fn, bool a_repeats, bool b_repeats>
inline void combine_activated(const BinaryF32& g) {
  if (g.activation.fn == static_cast<int32_t>(UnaryFn::identity))
    combine_rows<fn, a_repeats, b_repeats, false>(g);
  else
    combine_rows<fn, a_repeats, b_repeats, true>(g);
}

template <BinaryFn fn>
inline void combine_repeated(const BinaryF32& g) {
  if (g.a.column == 0)
    combine_activated<fn, true, false>(g);
  else if (g.b.column == 0)
    combine_activated<fn, false, true>(g);
  else
    combine_activated<fn, false, false>(g);
}

inline void binary(const BinaryF32& g) {
  switch (g.fn) {
#define BINARY(name, id) \
  case BinaryFn::name:   \
    return combine_repeated<BinaryFn::name>(g);
#define INTEGER_BINARY(name, id) \
  case BinaryFn::name:           \
    return;
#include "schema/functions.def"
  }
}

}  // namespace

void KERNEL_NAME(binary_f32)(const BinaryF32& g) { binary(g); }

}  // namespace edgert
