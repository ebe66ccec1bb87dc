#include "kernels/col2im_f32/col2im_f32.h"

namespace edgert {

const Col2imF32Kernel& select_col2im_f32(IsaSet isa) {
#define KERNEL(symbol, level)                                                   \
  static const Col2imF32Kernel kernel_##symbol = {#symbol, Isa::level, symbol}; \
  if (isa.has(Isa::level)) return kernel_##symbol;
#include "kernels/col2im_f32/kernels.inc"
  __builtin_unreachable();  // portable is always there
}

}  // namespace edgert
