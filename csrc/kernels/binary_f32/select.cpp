#include "kernels/binary_f32/binary_f32.h"

namespace edgert {

const BinaryF32Kernel& select_binary_f32(IsaSet isa) {
#define KERNEL(symbol, level)                                                   \
  static const BinaryF32Kernel kernel_##symbol = {#symbol, Isa::level, symbol}; \
  if (isa.has(Isa::level)) return kernel_##symbol;
#include "kernels/binary_f32/kernels.inc"
  __builtin_unreachable();  // portable is always there
}

}  // namespace edgert
