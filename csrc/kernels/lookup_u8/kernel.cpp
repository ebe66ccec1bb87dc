#include "kernels/level.h"
#include "kernels/lookup_u8/lookup_u8.h"

namespace edgert {

void KERNEL_NAME(lookup_u8)(const LookupU8& g) {
  for (size_t i = 0; i < g.n; ++i) g.y[i] = g.table[g.x[i]];
}

}  // namespace edgert
