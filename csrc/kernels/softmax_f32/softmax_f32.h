// Softmax along the middle axis of [outer][count][inner] in float32:
//
//   y = exp(x - max) / sum of exp(x - max), or its logarithm x - max - log(sum)
//
// Terms below exp(-87) count as zero. The sum is in the order of fold_row() in simd/math.h if inner
// is 1, else in the order of the axis. x and y may be the same array. Any alignment. With fused
// multiply-add the bits do not depend on the instruction set, nor on how outer and inner are split.
#pragma once

#include <cstddef>

#include "schema/attrs.h"
#include "schema/enums.h"

namespace edgert {

struct SoftmaxF32 {
  size_t outer, count, inner;
  const float* x;
  float* y;
  size_t stride;  // elements between neighbours on the axis, at least inner
  bool log;
};

}  // namespace edgert
