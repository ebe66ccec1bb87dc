#include "kernels/layer_norm_u8/layer_norm_u8.h"

namespace edgert {

const LayerNormU8Kernel& select_layer_norm_u8(IsaSet isa) {
#define KERNEL(symbol, level)                                                     \
  static const LayerNormU8Kernel kernel_##symbol = {#symbol, Isa::level, symbol}; \
  if (isa.has(Isa::level)) return kernel_##symbol;
#include "kernels/layer_norm_u8/kernels.inc"
  __builtin_unreachable();  // portable is always there
}

}  // namespace edgert
