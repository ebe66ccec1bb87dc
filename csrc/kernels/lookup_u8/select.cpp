#include "kernels/lookup_u8/lookup_u8.h"

namespace edgert {

const LookupU8Kernel& select_lookup_u8(IsaSet isa) {
#define KERNEL(symbol, level)                                                  \
  static const LookupU8Kernel kernel_##symbol = {#symbol, Isa::level, symbol}; \
  if (isa.has(Isa::level)) return kernel_##symbol;
#include "kernels/lookup_u8/kernels.inc"
  __builtin_unreachable();  // portable is always there
}

}  // namespace edgert
