// Weighted sums of 2 x 2 or 4 x 4 pixels of an image in float32, channels innermost: what linear
// and cubic interpolation amount to once positions and weights are known.
//
//   y[r][c][k] = sum over i of rows.weight[r][i] *
//                (sum over j of columns.weight[c][j] * x[rows.at[r][i]][columns.at[c][j]][k])
//
// Each sum is one chain of fused multiply-adds in the order of its index, the first term a product;
// the bits do not depend on the instruction set, but for the portable kernel on CPUs without fused
// multiply-add, whose error is at most twice as large. Any alignment; x and y do not overlap.
#pragma once

#include "kernels/records/resize_axis.h"

namespace edgert {

struct ResizeF32 {
  int taps;  // of both axes, for each output: 2 or 4
  size_t channels;
  size_t width;  // of x
  ResizeAxis rows, columns;
  const float* x;  // an image [height][width][channels]
  float* y;        // [rows.size][columns.size][channels]
};

}  // namespace edgert
