#include "kernels/resize_u8/resize_u8.h"

namespace edgert {

const ResizeU8Kernel& select_resize_u8(IsaSet isa) {
#define KERNEL(symbol, level)                                                  \
  static const ResizeU8Kernel kernel_##symbol = {#symbol, Isa::level, symbol}; \
  if (isa.has(Isa::level)) return kernel_##symbol;
#include "kernels/resize_u8/kernels.inc"
  __builtin_unreachable();  // portable is always there
}

}  // namespace edgert
