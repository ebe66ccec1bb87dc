#include "kernels/gemm_sparse_f32/gemm_sparse_f32.h"

namespace edgert {

const GemmSparseF32Kernel& select_gemm_sparse_f32(IsaSet isa) {
#define KERNEL(symbol, level, form, needs, ...)                                                   \
  static const GemmSparseF32Kernel kernel_##symbol = {#symbol,    Isa::level,       symbol,       \
                                                      Form::form, WeightFit::needs, __VA_ARGS__}; \
  if (isa.has(Isa::level)) return kernel_##symbol;
#include "kernels/gemm_sparse_f32/kernels.inc"
  __builtin_unreachable();  // the weakest level is always there
}

}  // namespace edgert
