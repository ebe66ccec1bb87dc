// Signs of floats as bits: bit c % 8 of y[r][c / 8] is 1 where x[r][c] < 0, and where it is zero or
// NaN if these shall be -1. Bits beyond the columns are zero.
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgert {

struct SignsF32 {
  size_t rows, columns;
  const float* x;
  uint8_t* y;    // rows of ceil(columns / 8) bytes
  int32_t zero;  // 1 or -1: what a zero is,
  int32_t nan;   // and a NaN
};

}  // namespace edgert
