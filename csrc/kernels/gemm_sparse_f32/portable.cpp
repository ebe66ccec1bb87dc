#include "kernels/simd/portable.h"

#include "kernels/gemm_sparse_f32/gemm_sparse_f32_tile.h"

namespace edgert {

void gemm_sparse_f32_portable(const GemmSparseF32& g) { gemm_sparse<4>(g); }

}  // namespace edgert
