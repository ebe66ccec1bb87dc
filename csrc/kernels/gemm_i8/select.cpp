#include "kernels/gemm_i8/gemm_i8.h"

namespace edgert {

const GemmI8Kernel& select_gemm_i8(IsaSet isa, WeightFit fit, Form wanted) {
#define KERNEL(symbol, level, form, needs, ...)                                            \
  static const GemmI8Kernel kernel_##symbol = {#symbol,    Isa::level,       symbol,       \
                                               Form::form, WeightFit::needs, __VA_ARGS__}; \
  if (Form::form == wanted && isa.has(Isa::level) && fit >= WeightFit::needs)              \
    return kernel_##symbol;
#include "kernels/gemm_i8/kernels.inc"
  __builtin_unreachable();  // the weakest level is always there
}

}  // namespace edgert
