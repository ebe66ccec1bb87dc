#include "kernels/winograd_f32/winograd_f32.h"

namespace edgert {

const WinogradF32Kernel& select_winograd_f32(IsaSet isa) {
#define KERNEL(symbol, level)                                                     \
  static const WinogradF32Kernel kernel_##symbol = {#symbol, Isa::level, symbol}; \
  if (isa.has(Isa::level)) return kernel_##symbol;
#include "kernels/winograd_f32/kernels.inc"
  __builtin_unreachable();  // the weakest level is always there
}

}  // namespace edgert
