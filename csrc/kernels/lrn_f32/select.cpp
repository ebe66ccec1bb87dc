#include "kernels/lrn_f32/lrn_f32.h"

namespace edgert {

const LrnF32Kernel& select_lrn_f32(IsaSet isa) {
#define KERNEL(symbol, level)                                                \
  static const LrnF32Kernel kernel_##symbol = {#symbol, Isa::level, symbol}; \
  if (isa.has(Isa::level)) return kernel_##symbol;
#include "kernels/lrn_f32/kernels.inc"
  __builtin_unreachable();  // portable is always there
}

}  // namespace edgert
