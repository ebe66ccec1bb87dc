#include "kernels/gemm_bits/gemm_bits.h"

namespace edgert {

const GemmBitsKernel& select_gemm_bits(IsaSet isa) {
#define KERNEL(symbol, level, form, needs, ...)                                              \
  static const GemmBitsKernel kernel_##symbol = {#symbol,    Isa::level,       symbol,       \
                                                 Form::form, WeightFit::needs, __VA_ARGS__}; \
  if (isa.has(Isa::level)) return kernel_##symbol;
#include "kernels/gemm_bits/kernels.inc"
  __builtin_unreachable();  // the weakest level is always there
}

}  // namespace edgert
