// y[r][j] = c[r][j] != 0 ? a[r][j] : b[r][j] of elements with 32 bits, which are moved as they are.
//
// Operands may repeat along rows or columns. y may be a or b if that has the same shape and repeats
// nowhere. Any alignment. All kernels give the same bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/records/operand.h"

namespace edgert {

struct SelectF32 {
  size_t rows, columns;
  Operand<uint8_t> c;
  Operand<float> a, b;
  float* y;  // rows x columns, contiguous
};

}  // namespace edgert
