// The sum or the product of two quantised operands, which may repeat along rows or columns. They
// are bytes or, for which zero points are 0, integers of 16 bits.
//
//   add: t = float(a - a_zero) * a_scale + float(b - b_zero) * b_scale
//   mul: t = float((a - a_zero) * (b - b_zero)) * (a_scale * b_scale), the product exact
//   shifted:
//   add: t = float(a - a_zero) * a_scale + (float(b - b_zero) * b_scale + shift), each of the two
//        operands multiplied and added with one rounding
//   mul: t = float((a - a_zero) * (b - b_zero)) * (a_scale * b_scale) + shift
//   y[r][j] = requantize(t), as schema/attrs.h says
//
// y may be a or b if that has the same shape, repeats nowhere and the type of y. Any alignment. All
// kernels give the same bits, but for activations that are not piecewise polynomials.
#pragma once

#include <cstddef>
#include <cstdint>

#include "schema/attrs.h"
#include "schema/enums.h"

namespace edgert {

// Element (r, j) of an operand is data[r * row + j * column].
struct BinaryOperandInt {
  const uint8_t* data;  // or int16_t
  size_t row;
  size_t column;  // 1, or 0: one element per row
  int32_t zero;
  float scale;
};

struct BinaryInt {
  BinaryFn fn;   // add or mul
  bool shifted;  // only bytes
  DType dtype;   // of the operands: u8 or i16
  size_t rows, columns;
  BinaryOperandInt a, b;
  float shift;  // only if shifted
  void* y;      // rows x columns, contiguous; uint8_t, int16_t or float, as output.dtype says
  Requantize output;
};

}  // namespace edgert
