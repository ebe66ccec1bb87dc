#include "kernels/softmax_u8/softmax_u8.h"

namespace edgert {

const SoftmaxU8Kernel& select_softmax_u8(IsaSet isa) {
#define KERNEL(symbol, level)                                                   \
  static const SoftmaxU8Kernel kernel_##symbol = {#symbol, Isa::level, symbol}; \
  if (isa.has(Isa::level)) return kernel_##symbol;
#include "kernels/softmax_u8/kernels.inc"
  __builtin_unreachable();  // portable is always there
}

}  // namespace edgert
