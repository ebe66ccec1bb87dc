#include "kernels/dequantize_f32/dequantize_f32.h"

namespace edgert {

const DequantizeF32Kernel& select_dequantize_f32(IsaSet isa) {
#define KERNEL(symbol, level)                                                       \
  static const DequantizeF32Kernel kernel_##symbol = {#symbol, Isa::level, symbol}; \
  if (isa.has(Isa::level)) return kernel_##symbol;
#include "kernels/dequantize_f32/kernels.inc"
  __builtin_unreachable();  // portable is always there
}

}  // namespace edgert
