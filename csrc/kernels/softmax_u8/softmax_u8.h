// Softmax of rows of bytes, whose exponentials are integers of a table:
//
//   e[j] = table[255 - greatest x of the row + x[j]]
//   y[j] = clamp(round(float(e[j]) * (levels / float(sum of e))) + zero, 0, 255), half to even
//
// The sum is exact, each float operation rounded on its own: all kernels give the same bits.
// Entries are 0 to 2^23, the last at least 1. x and y may be the same array. Any alignment. Reads
// all of the table.
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgert {

struct SoftmaxU8 {
  size_t rows, columns;
  const uint8_t* x;
  const int32_t* table;  // 256 entries
  float levels;          // that stand for 1
  int32_t zero;
  uint8_t* y;
};

}  // namespace edgert
