#include "kernels/batch_norm_f32/batch_norm_f32.h"

namespace edgert {

const BatchNormF32Kernel& select_batch_norm_f32(IsaSet isa) {
#define KERNEL(symbol, level)                                                      \
  static const BatchNormF32Kernel kernel_##symbol = {#symbol, Isa::level, symbol}; \
  if (isa.has(Isa::level)) return kernel_##symbol;
#include "kernels/batch_norm_f32/kernels.inc"
  __builtin_unreachable();  // portable is always there
}

}  // namespace edgert
