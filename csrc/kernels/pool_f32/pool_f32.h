// Maximum and average over windows of an image in float32, channels innermost.
//
//   maximum: y[r][c][k] = the largest x in the window; NaNs are passed over, as ONNX Runtime does,
//   and
//            a window of nothing else gives minus infinity
//   average: y[r][c][k] = (sum of x in the window, row by row) / (rows[r].counted *
//   columns[c].counted)
//
// Nothing is fused, so that every kernel gives the same bits. Any alignment; x and y do not
// overlap.
#pragma once

#include "kernels/records/pool_image.h"

namespace edgert {

struct PoolF32 {
  bool average;
  PoolImage image;
  const float* x;
  float* y;
};

}  // namespace edgert
