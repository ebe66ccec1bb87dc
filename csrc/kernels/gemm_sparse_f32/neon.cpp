#ifdef __aarch64__

#include "kernels/simd/neon.h"

#include "kernels/gemm_sparse_f32/gemm_sparse_f32_tile.h"

namespace edgert {

void gemm_sparse_f32_neon(const GemmSparseF32& g) { gemm_sparse<8>(g); }

}  // namespace edgert

#endif
