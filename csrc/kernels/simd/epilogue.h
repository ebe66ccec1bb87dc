// Activation functions at the end of a kernel. Included after the vector type F32; local to the
// file. identity, relu and clip are a clamp of the accumulators; any other function is a second
// pass over what has just been written, which the nearest cache still holds.
#pragma once

#include "kernels/simd/activation.h"
#include "schema/attrs.h"

namespace edgert {
namespace {

struct Clamp {
  F32 low, high;

  explicit Clamp(const Activation& activation)
      : low(F32::broadcast(-__builtin_inff())), high(F32::broadcast(__builtin_inff())) {
    switch (static_cast<UnaryFn>(activation.fn)) {
      case UnaryFn::relu:
        low = F32::zero();
        break;
      case UnaryFn::clip:
        low = F32::broadcast(activation.alpha);
        high = F32::broadcast(activation.beta);
        break;
      default:
        break;
    }
  }
  F32 operator()(F32 x) const { return min(high, max(low, x)); }  // NaN stays NaN
};

inline bool is_clamp(const Activation& activation) {
  const UnaryFn fn = static_cast<UnaryFn>(activation.fn);
  return fn == UnaryFn::identity || fn == UnaryFn::relu || fn == UnaryFn::clip;
}

// y = f(y) on rows of n elements, for a function that is not a clamp. Rows without gaps between
// them are one row: few columns would leave most lanes empty.
__attribute__((noinline)) void activate(const Activation& activation, float* y, size_t rows,
                                        size_t stride, size_t n) {
  const UnaryFn fn = static_cast<UnaryFn>(activation.fn);
  const F32 alpha = F32::broadcast(activation.alpha), beta = F32::broadcast(activation.beta);
  if (stride == n) {
    n *= rows;
    rows = 1;
  }
  for (size_t r = 0; r < rows; ++r) {
    float* const row = y + r * stride;
    size_t j = 0;
    for (; j + F32::kLanes <= n; j += F32::kLanes)
      apply(fn, F32::load(row + j), alpha, beta).store(row + j);
    if (j < n) {
      const int left = static_cast<int>(n - j);
      apply(fn, F32::load(row + j, left), alpha, beta).store(row + j, left);
    }
  }
}

}  // namespace
}  // namespace edgert
