#include "kernels/unary_f32/unary_f32.h"

namespace edgert {

const UnaryF32Kernel& select_unary_f32(IsaSet isa) {
#define KERNEL(symbol, level)                                                  \
  static const UnaryF32Kernel kernel_##symbol = {#symbol, Isa::level, symbol}; \
  if (isa.has(Isa::level)) return kernel_##symbol;
#include "kernels/unary_f32/kernels.inc"
  __builtin_unreachable();  // portable is always there
}

}  // namespace edgert
