// The scalar functions of schema/functions.def on vectors. Included by kernel files after the
// vector types of their instruction set; everything is local to the file.
//
// A NaN comes out as NaN: max and min return their second operand then, which is the data.
#pragma once

#include "kernels/simd/math.h"
#include "kernels/simd/scalar_math.h"
#include "schema/enums.h"

namespace edgert {
namespace {

// min(max(x, low), high)
inline F32 clamp(F32 x, F32 low, F32 high) { return min(high, max(low, x)); }

template <UnaryFn fn>
inline F32 apply(F32 x, F32 alpha, F32 beta) {
  (void)alpha;
  (void)beta;
  const F32 zero = F32::zero(), one = constant(1.0f), half = constant(0.5f);
  if constexpr (fn == UnaryFn::identity) {
    return x;
  } else if constexpr (fn == UnaryFn::relu) {
    return max(zero, x);
  } else if constexpr (fn == UnaryFn::clip) {
    return clamp(x, alpha, beta);
  } else if constexpr (fn == UnaryFn::leaky_relu) {
    return select(x < zero, alpha * x, x);
  } else if constexpr (fn == UnaryFn::hard_sigmoid) {
    return clamp(fma(alpha, x, beta), zero, one);
  } else if constexpr (fn == UnaryFn::hard_swish) {
    return x * clamp(fma(x, constant(1.0f / 6.0f), half), zero, one);
  } else if constexpr (fn == UnaryFn::sigmoid) {
    return sigmoid(x);
  } else if constexpr (fn == UnaryFn::silu) {
    return x / (one + exp_normal(-x));
  } else if constexpr (fn == UnaryFn::tanh) {
    return tanh(x);
  } else if constexpr (fn == UnaryFn::gelu) {
    return half * x * (one + erf(x * constant(0.70710678f)));
  } else if constexpr (fn == UnaryFn::gelu_tanh) {
    // (1 + tanh u) / 2 = sigmoid(2 u) with u = sqrt(2 / pi) (x + 0.044715 x^3)
    const F32 u = x * fma(x * x, constant(0.0713548162f), constant(1.59576912f));
    return x / (one + exp_normal(-u));
  } else if constexpr (fn == UnaryFn::erf) {
    return erf(x);
  } else if constexpr (fn == UnaryFn::exp) {
    return exp(x);
  } else if constexpr (fn == UnaryFn::log) {
    return log(x);
  } else if constexpr (fn == UnaryFn::sqrt) {
    return sqrt(x);
  } else if constexpr (fn == UnaryFn::reciprocal) {
    return one / x;
  } else if constexpr (fn == UnaryFn::neg) {
    return -x;
  } else if constexpr (fn == UnaryFn::abs) {
    return abs(x);
  } else if constexpr (fn == UnaryFn::floor) {
    return floor(x);
  } else if constexpr (fn == UnaryFn::ceil) {
    return ceil(x);
  } else if constexpr (fn == UnaryFn::round) {
    return round(x);
  } else if constexpr (fn == UnaryFn::elu) {
    return select(x < zero, alpha * expm1_negative(min(zero, x)), x);
  } else if constexpr (fn == UnaryFn::softplus) {
    return softplus(x);
  } else if constexpr (fn == UnaryFn::sign) {
    return select(zero < x, one, select(x < zero, -one, select(x == zero, zero, x)));
  } else if constexpr (fn == UnaryFn::sin) {
    return sin(x);
  } else if constexpr (fn == UnaryFn::cos) {
    return cos(x);
  } else if constexpr (fn == UnaryFn::softsign) {
    return x / (one + abs(x));
  } else if constexpr (fn == UnaryFn::thresholded_relu) {
    return select(x < alpha, zero, select(x == alpha, zero, x));
  } else if constexpr (fn == UnaryFn::scaled_tanh) {
    return alpha * tanh(beta * x);
  } else {
    static_assert(fn == UnaryFn::affine);
    return fma(alpha, x, beta);
  }
}

// A call, so that the loops that end with an activation do not hold all the functions.
__attribute__((noinline)) inline F32 apply_other(UnaryFn fn, F32 x, F32 alpha, F32 beta) {
  switch (fn) {
#define UNARY(name, id) \
  case UnaryFn::name:   \
    return apply<UnaryFn::name>(x, alpha, beta);
#include "schema/functions.def"
  }
  return x;
}

// The same for a function known only at run time, with the frequent ones inline.
inline F32 apply(UnaryFn fn, F32 x, F32 alpha, F32 beta) {
  switch (fn) {
    case UnaryFn::identity:
      return x;
    case UnaryFn::relu:
      return apply<UnaryFn::relu>(x, alpha, beta);
    case UnaryFn::clip:
      return apply<UnaryFn::clip>(x, alpha, beta);
    case UnaryFn::hard_swish:
      return apply<UnaryFn::hard_swish>(x, alpha, beta);
    default:
      return apply_other(fn, x, alpha, beta);
  }
}

}  // namespace
}  // namespace edgert
