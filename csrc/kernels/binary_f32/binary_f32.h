// y[r][j] = f(a[r][j] op b[r][j]) in float32, with operands that may repeat along rows or columns.
//
// y may be a or b if that has the same shape and repeats nowhere. Any alignment. With fused
// multiply-add the bits do not depend on the instruction set, nor on how rows and columns are
// split.
#pragma once

#include <cstddef>

#include "schema/attrs.h"
#include "schema/enums.h"

namespace edgert {

// Element (r, j) of an operand is data[r * row + j * column].
struct BinaryOperandF32 {
  const float* data;
  size_t row;
  size_t column;  // 1, or 0: one element per row
};

struct BinaryF32 {
  BinaryFn fn;
  size_t rows, columns;
  BinaryOperandF32 a, b;
  float* y;               // rows x columns, contiguous
  Activation activation;  // the function f
};

}  // namespace edgert
