// y[r][c] = f(x[r][c] * scale[c] + shift[c]) in float32, fused.
//
// x and y may be the same array. Any alignment. With fused multiply-add the bits do not depend on
// the instruction set, nor on how the rows are split.
#pragma once

#include <cstddef>

#include "schema/attrs.h"
#include "schema/enums.h"

namespace edgert {

struct BatchNormF32 {
  size_t rows, columns;
  const float* x;
  const float* scale;
  const float* shift;
  float* y;
  Activation activation;  // the function f
};

}  // namespace edgert
