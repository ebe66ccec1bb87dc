// Normalisation of rows in float32:
//
//   y[r][j] = (x[r][j] - mean) / sqrt(variance + epsilon) * scale[j] + shift[j]
//
// with the mean and the mean squared distance from it of row r, each a sum in the order of
// fold_row() in simd/math.h. x and y may be the same array. Any alignment. With fused multiply-add
// the bits do not depend on the instruction set.
#pragma once

#include <cstddef>

#include "schema/attrs.h"
#include "schema/enums.h"

namespace edgert {

struct LayerNormF32 {
  size_t rows, columns;
  const float* x;
  const float* scale;
  const float* shift;
  float epsilon;
  float* y;
};

}  // namespace edgert
