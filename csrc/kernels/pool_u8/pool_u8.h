// Maximum and average over windows of an image of bytes or, if `wide`, of integers of 16 bits,
// whose zero point is 0; channels innermost.
//
//   maximum: y[r][c][k] = the largest x in the window
//   average: t = float(sum of x - x_zero in the window) *
//                (x_scale / float(rows[r].counted * columns[c].counted))
//            y[r][c][k] = requantize(t), as schema/attrs.h says
//
// Sums are exact, modulo 2^32: all kernels give the same bits, but for activations that are not
// piecewise polynomials. Any alignment; x and y do not overlap.
#pragma once

#include <cstdint>

#include "kernels/kernel.h"
#include "kernels/pool_image.h"
#include "schema/attrs.h"

namespace edgert {

struct PoolU8 {
  bool average, wide;
  PoolImage image;
  const uint8_t* x;  // of int16_t if wide
  void* y;           // of an average: uint8_t, int16_t or float, as output.dtype says
  bool is_signed;    // of a maximum: x and y are int8_t
  int32_t x_zero;
  float x_scale;
  Requantize output;  // the last three: of an average
};

using PoolU8Kernel = Kernel<PoolU8>;

#define KERNEL(symbol, isa) void symbol(const PoolU8&);
#include "kernels/pool_u8/kernels.inc"

const PoolU8Kernel& select_pool_u8(IsaSet isa);

}  // namespace edgert
