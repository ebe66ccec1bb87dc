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

#include <cstddef>
#include <cstdint>

#include "core/cpu.h"

namespace edgert {

// What the windows of one row, or of one column, of the output see along that axis.
struct PoolWindow {
  int32_t first;    // row or column of the input
  int32_t taps;     // those inside of the input, `dilation` apart; at least 1
  int32_t counted;  // what the average counts: at least 1
};

struct PoolF32 {
  bool average;
  size_t channels;
  size_t width;  // of x
  int32_t row_dilation, column_dilation;
  const PoolWindow* rows;
  size_t row_count;
  const PoolWindow* columns;
  size_t column_count;
  const float* x;  // an image [height][width][channels]
  float* y;        // [row_count][column_count][channels]
};

using PoolF32Fn = void (*)(const PoolF32&);

struct PoolF32Kernel {
  const char* name;
  Isa isa;
  PoolF32Fn run;
};

#define KERNEL(symbol, isa) void symbol(const PoolF32&);
#include "kernels/pool_f32/kernels.inc"

const PoolF32Kernel& select_pool_f32(IsaSet isa);

}  // namespace edgert
