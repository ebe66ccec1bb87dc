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

#include "kernels/kernel.h"
#include "kernels/pool_image.h"

namespace edgert {

struct PoolF32 {
  bool average;
  PoolImage image;
  const float* x;
  float* y;
};

using PoolF32Kernel = Kernel<PoolF32>;

#define KERNEL(symbol, isa) void symbol(const PoolF32&);
#include "kernels/pool_f32/kernels.inc"

const PoolF32Kernel& select_pool_f32(IsaSet isa);

}  // namespace edgert
