#include "kernels/gemm_i16/gemm_i16.h"

namespace edgert {

const GemmI16Kernel& select_gemm_i16(IsaSet isa) {
#define KERNEL(symbol, level, form, needs, ...)                                             \
  static const GemmI16Kernel kernel_##symbol = {#symbol,    Isa::level,       symbol,       \
                                                Form::form, WeightFit::needs, __VA_ARGS__}; \
  if (isa.has(Isa::level)) return kernel_##symbol;
#include "kernels/gemm_i16/kernels.inc"
  __builtin_unreachable();  // the weakest level is always there
}

}  // namespace edgert
