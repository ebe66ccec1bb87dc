#include "kernels/gemm_i8/gemm_i8.h"

namespace edgert {

const GemmI8Kernel& select_gemm_i8(IsaSet isa, bool fits_int16) {
#define KERNEL(symbol, level, mr, nr, needs_fits_int16)                                \
  static const GemmI8Kernel kernel_##symbol = {#symbol, Isa::level, symbol,            \
                                               mr,      nr,         needs_fits_int16}; \
  if (isa.has(Isa::level) && (fits_int16 || !(needs_fits_int16))) return kernel_##symbol;
#include "kernels/gemm_i8/kernels.inc"
  __builtin_unreachable();  // portable is always there
}

}  // namespace edgert
