// y[i] = table[x[i]], bytes.
//
// x and y may be the same array. Any alignment. Reads all of the table, n elements of x.
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgert {

struct LookupU8 {
  size_t n;
  const uint8_t* x;
  uint8_t* y;
  const uint8_t* table;  // 256 entries
};

}  // namespace edgert
