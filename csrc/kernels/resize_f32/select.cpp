#include "kernels/resize_f32/resize_f32.h"

namespace edgert {

const ResizeF32Kernel& select_resize_f32(IsaSet isa) {
#define KERNEL(symbol, level)                                                   \
  static const ResizeF32Kernel kernel_##symbol = {#symbol, Isa::level, symbol}; \
  if (isa.has(Isa::level)) return kernel_##symbol;
#include "kernels/resize_f32/kernels.inc"
  __builtin_unreachable();  // portable is always there
}

}  // namespace edgert
