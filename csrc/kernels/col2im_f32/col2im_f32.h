// The end of a transposed convolution in float32: each output pixel gathers what the input pixels
// under it, multiplied by the weights of a tap each, add to it.
//
//   y[r][c][k] = f(bias[k] + sum over the offsets i of row r, and j of column c, of x[i + j + k])
//
// The terms are added one by one, row by row: all kernels give the same bits but for f. Any
// alignment; x and y do not overlap.
#pragma once

#include <cstddef>

#include "schema/attrs.h"

namespace edgert {

// Output n of an axis has the offsets offset[start[n]] to offset[start[n + 1] - 1], maybe none.
struct Col2imAxis {
  const size_t* start;
  const size_t* offset;
  size_t size;  // outputs
};

struct Col2imF32 {
  size_t channels;
  Col2imAxis rows, columns;
  size_t origin;  // what to subtract from the offsets of rows
  const float* x;
  const float* bias;  // null: zeros
  float* y;           // pixel (r, c) at y + (r * columns.size + c) * y_stride
  size_t y_stride;    // elements between pixels
  Activation activation;
};

}  // namespace edgert
