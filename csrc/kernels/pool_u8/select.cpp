#include "kernels/pool_u8/pool_u8.h"

namespace edgert {

const PoolU8Kernel& select_pool_u8(IsaSet isa) {
#define KERNEL(symbol, level)                                                \
  static const PoolU8Kernel kernel_##symbol = {#symbol, Isa::level, symbol}; \
  if (isa.has(Isa::level)) return kernel_##symbol;
#include "kernels/pool_u8/kernels.inc"
  __builtin_unreachable();  // portable is always there
}

}  // namespace edgert
