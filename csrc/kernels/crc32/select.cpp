#include "kernels/crc32/crc32.h"

namespace edgert {

const Crc32Kernel& select_crc32(IsaSet isa) {
#define KERNEL(symbol, level)                                               \
  static const Crc32Kernel kernel_##symbol = {#symbol, Isa::level, symbol}; \
  if (isa.has(Isa::level)) return kernel_##symbol;
#include "kernels/crc32/kernels.inc"
  __builtin_unreachable();  // the weakest level is always there
}

}  // namespace edgert
