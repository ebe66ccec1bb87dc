// The loop of the lookup_u8 kernels that hold the table in registers.
#pragma once

#include "kernels/lookup_u8/lookup_u8.h"

namespace edgert {
namespace {

// Table: made from the 256 entries; table(x, y) looks up Table::kBytes bytes.
template <typename Table>
inline void lookup(const LookupU8& g) {
  const Table table(g.table);
  size_t i = 0;
  for (; i + Table::kBytes <= g.n; i += Table::kBytes) table(g.x + i, g.y + i);
  for (; i < g.n; ++i) g.y[i] = g.table[g.x[i]];
}

}  // namespace
}  // namespace edgert
