#include "kernels/pool_f32/pool_f32.h"

namespace edgert {

const PoolF32Kernel& select_pool_f32(IsaSet isa) {
#define KERNEL(symbol, level)                                                 \
  static const PoolF32Kernel kernel_##symbol = {#symbol, Isa::level, symbol}; \
  if (isa.has(Isa::level)) return kernel_##symbol;
#include "kernels/pool_f32/kernels.inc"
  __builtin_unreachable();  // portable is always there
}

}  // namespace edgert
