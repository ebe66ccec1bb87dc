// y[i] = clamp(round(x[i] / scale + shift) + zero, low, high), half to even; NaN gives `low`.
//
// The quotient is rounded as a division rounds it: all kernels give the same bits. Any alignment;
// x and y do not overlap. scale is positive and finite, zero + shift is in low .. high, and these
// are all that the type of y can be; shift is an integer, 0 for i16, and so is zero.
#pragma once

#include <cstddef>
#include <cstdint>

#include "schema/enums.h"

namespace edgert {

struct QuantizeF32 {
  size_t n;
  const float* x;
  DType dtype;  // of y: u8, i8 or i16
  void* y;
  float scale, shift;
  int32_t zero, low, high;
};

}  // namespace edgert
