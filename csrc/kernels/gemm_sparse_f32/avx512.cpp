#include "kernels/simd/avx512.h"

#include "kernels/gemm_sparse_f32/gemm_sparse_f32_tile.h"

namespace edgert {

void gemm_sparse_f32_avx512(const GemmSparseF32& g) { gemm_sparse<4>(g); }

}  // namespace edgert
