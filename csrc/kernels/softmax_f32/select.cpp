#include "kernels/softmax_f32/softmax_f32.h"

namespace edgert {

const SoftmaxF32Kernel& select_softmax_f32(IsaSet isa) {
#define KERNEL(symbol, level)                                                    \
  static const SoftmaxF32Kernel kernel_##symbol = {#symbol, Isa::level, symbol}; \
  if (isa.has(Isa::level)) return kernel_##symbol;
#include "kernels/softmax_f32/kernels.inc"
  __builtin_unreachable();  // portable is always there
}

}  // namespace edgert
