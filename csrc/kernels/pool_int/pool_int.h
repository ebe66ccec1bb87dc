// Maximum and average over windows of an image of bytes or of integers of 16 bits, whose zero point
// is 0; channels innermost.
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

#include "kernels/records/pool_image.h"
#include "schema/attrs.h"
#include "schema/enums.h"

namespace edgert {

struct PoolInt {
  bool average;
  DType dtype;  // of x: u8 or i16; of a maximum, whose y has the same, i8 as well
  PoolImage image;
  const uint8_t* x;  // or int16_t
  void* y;           // of an average: uint8_t, int16_t or float, as output.dtype says
  int32_t x_zero;
  float x_scale;      // this and x_zero: of an average
  Requantize output;  // the same, and of a maximum of i16, which it must leave as it is
};

}  // namespace edgert
