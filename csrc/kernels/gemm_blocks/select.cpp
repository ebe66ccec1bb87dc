#include "kernels/gemm_blocks/gemm_blocks.h"

namespace edgert {

const GemmBlocksKernel& select_gemm_blocks(IsaSet isa, Form wanted) {
#define KERNEL(symbol, level, form, needs, ...)                                                \
  static const GemmBlocksKernel kernel_##symbol = {#symbol,    Isa::level,       symbol,       \
                                                   Form::form, WeightFit::needs, __VA_ARGS__}; \
  if (Form::form == wanted && isa.has(Isa::level)) return kernel_##symbol;
#include "kernels/gemm_blocks/kernels.inc"
  __builtin_unreachable();  // the weakest level is always there
}

}  // namespace edgert
