#include "kernels/binary_u8/binary_u8.h"

namespace edgert {

const BinaryU8Kernel& select_binary_u8(IsaSet isa) {
#define KERNEL(symbol, level)                                                  \
  static const BinaryU8Kernel kernel_##symbol = {#symbol, Isa::level, symbol}; \
  if (isa.has(Isa::level)) return kernel_##symbol;
#include "kernels/binary_u8/kernels.inc"
  __builtin_unreachable();  // portable is always there
}

}  // namespace edgert
