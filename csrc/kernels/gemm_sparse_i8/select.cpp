#include "kernels/gemm_sparse_i8/gemm_sparse_i8.h"

namespace edgert {

const GemmSparseI8Kernel& select_gemm_sparse_i8(IsaSet isa, Form form, WeightFit fit) {
#define KERNEL(symbol, level, reads, needs, ...)                                                  \
  static const GemmSparseI8Kernel kernel_##symbol = {#symbol,     Isa::level,       symbol,       \
                                                     Form::reads, WeightFit::needs, __VA_ARGS__}; \
  if (isa.has(Isa::level) && form == Form::reads && fit >= WeightFit::needs) return kernel_##symbol;
#include "kernels/gemm_sparse_i8/kernels.inc"
  __builtin_unreachable();  // the weakest level is always there, in both forms
}

}  // namespace edgert
