// Linear interpolation of an image of bytes or of integers of 16 bits; channels innermost.
//
//   t[j] = rows.weight[r][0] * x[rows.at[r][0]][columns.at[c][j]][k] +
//          rows.weight[r][1] * x[rows.at[r][1]][columns.at[c][j]][k]
//   y[r][c][k] = round(columns.weight[c][0] * t[0] + columns.weight[c][1] * t[1])
//
// in float32, each operation rounded on its own, and half to even at the end: all kernels give the
// same bits. Preconditions: both axes have two taps per output; their weights are not negative and
// add up to 1, so that every result is in the range of the type. Any alignment; x and y do not
// overlap.
#pragma once

#include "kernels/records/resize_axis.h"
#include "schema/enums.h"

namespace edgert {

struct ResizeInt {
  DType dtype;  // u8 or i16
  size_t channels;
  size_t width;  // of x
  ResizeAxis rows, columns;
  const void* x;  // an image [height][width][channels] of dtype
  void* y;        // [rows.size][columns.size][channels]
};

}  // namespace edgert
