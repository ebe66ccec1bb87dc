// y[i] = table[x[i]], bytes.
//
// x and y may be the same array. Any alignment. Reads all of the table, n elements of x.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernel.h"

namespace edgert {

struct LookupU8 {
  size_t n;
  const uint8_t* x;
  uint8_t* y;
  const uint8_t* table;  // 256 entries
};

using LookupU8Kernel = Kernel<LookupU8>;

#define KERNEL(symbol, isa) void symbol(const LookupU8&);
#include "kernels/lookup_u8/kernels.inc"

const LookupU8Kernel& select_lookup_u8(IsaSet isa);

}  // namespace edgert
