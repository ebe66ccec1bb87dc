#include "kernels/reduce_f32/reduce_f32.h"

namespace edgert {

const ReduceF32Kernel& select_reduce_f32(IsaSet isa) {
#define KERNEL(symbol, level)                                                   \
  static const ReduceF32Kernel kernel_##symbol = {#symbol, Isa::level, symbol}; \
  if (isa.has(Isa::level)) return kernel_##symbol;
#include "kernels/reduce_f32/kernels.inc"
  __builtin_unreachable();  // portable is always there
}

}  // namespace edgert
