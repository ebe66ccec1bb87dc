// Sum, product, greatest or least along the middle axis of [outer][count][inner] in float32,
// divided by `divisor`.
//
// In the order of fold_row() in simd/math.h if inner is 1, else in the order of the axis. NaN gives
// NaN. Any alignment. The bits do not depend on the instruction set, nor on how outer and inner are
// split.
#pragma once

#include <cstddef>

#include "schema/attrs.h"
#include "schema/enums.h"

namespace edgert {

struct ReduceF32 {
  ReduceFn fn;  // mean is a sum here
  size_t outer, count, inner;
  const float* x;
  size_t outer_stride;  // elements of x between neighbours on the axes
  size_t stride;
  float* y;  // outer x inner, contiguous
  float divisor;
};

}  // namespace edgert
