// y[r][j] = 1 if a[r][j] and b[r][j] compare as the function says, else 0.
//
// Operands may repeat along rows or columns. y overlaps neither. Any alignment. All kernels give
// the same bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/records/operand.h"
#include "schema/enums.h"

namespace edgert {

struct CompareF32 {
  CompareFn fn;
  size_t rows, columns;
  Operand<float> a, b;
  uint8_t* y;  // rows x columns, contiguous
};

}  // namespace edgert
