// Local response normalisation over the columns of each row in float32:
//
//   y[r][c] = x[r][c] / (bias + alpha / size * sum of x[r][c - before .. c + after]^2)^beta
//
// with before = (size - 1) / 2 and after = size / 2; the window ends at the row's ends. x and y do
// not overlap. Any alignment. With fused multiply-add the bits do not depend on the instruction
// set.
#pragma once

#include <cstddef>

#include "schema/attrs.h"
#include "schema/enums.h"

namespace edgert {

struct LrnF32 {
  size_t rows, columns;
  const float* x;
  float* y;
  size_t size;  // at least 1
  float alpha, beta, bias;
};

}  // namespace edgert
