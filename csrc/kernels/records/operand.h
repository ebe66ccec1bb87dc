// An operand of elementwise kernels, which may repeat along rows or columns.
#pragma once

#include <cstddef>

namespace edgert {

// Element (r, j) of an operand is data[r * row + j * column].
template <typename T>
struct Operand {
  const T* data;
  size_t row;
  size_t column;  // 1, or 0: one element per row
};

}  // namespace edgert
