#include "kernels/simd/avx2.h"

#include "kernels/gemm_sparse_f32/gemm_sparse_f32_tile.h"

namespace edgert {

void gemm_sparse_f32_avx2(const GemmSparseF32& g) { gemm_sparse<8>(g); }

}  // namespace edgert
