#include "kernels/quantize_f32/quantize_f32.h"

namespace edgert {

const QuantizeF32Kernel& select_quantize_f32(IsaSet isa) {
#define KERNEL(symbol, level)                                                     \
  static const QuantizeF32Kernel kernel_##symbol = {#symbol, Isa::level, symbol}; \
  if (isa.has(Isa::level)) return kernel_##symbol;
#include "kernels/quantize_f32/kernels.inc"
  __builtin_unreachable();  // portable is always there
}

}  // namespace edgert
