#include "kernels/layer_norm_f32/layer_norm_f32.h"

namespace edgert {

const LayerNormF32Kernel& select_layer_norm_f32(IsaSet isa) {
#define KERNEL(symbol, level)                                                      \
  static const LayerNormF32Kernel kernel_##symbol = {#symbol, Isa::level, symbol}; \
  if (isa.has(Isa::level)) return kernel_##symbol;
#include "kernels/layer_norm_f32/kernels.inc"
  __builtin_unreachable();  // portable is always there
}

}  // namespace edgert
