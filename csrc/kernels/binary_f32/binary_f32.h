// y[r][j] = f(a[r][j] op b[r][j]) in float32, with operands that may repeat along rows or columns.
//
// y may be a or b if that has the same shape and repeats nowhere. Any alignment. With fused
// multiply-add the bits do not depend on the instruction set, nor on how rows and columns are
// split.
#pragma once

#include <cstddef>

#include "kernels/records/operand.h"
#include "schema/attrs.h"
#include "schema/enums.h"

namespace edgert {

struct BinaryF32 {
  BinaryFn fn;  // not one of those that are of integers only
  size_t rows, columns;
  Operand<float> a, b;
  float* y;               // rows x columns, contiguous
  Activation activation;  // the function f
};

}  // namespace edgert
