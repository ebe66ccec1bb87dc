#include "kernels/dwconv_i8/dwconv_i8.h"

namespace edgert {

const DwconvI8Kernel& select_dwconv_i8(IsaSet isa) {
#define KERNEL(symbol, level)                                                  \
  static const DwconvI8Kernel kernel_##symbol = {#symbol, Isa::level, symbol}; \
  if (isa.has(Isa::level)) return kernel_##symbol;
#include "kernels/dwconv_i8/kernels.inc"
  __builtin_unreachable();  // portable is always there
}

}  // namespace edgert
