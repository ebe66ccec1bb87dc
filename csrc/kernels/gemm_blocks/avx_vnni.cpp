#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx_vnni.h"

#include "kernels/gemm_blocks/gemm_blocks_dot.h"

namespace edgert {

void gemm_blocks_avx_vnni_b2(const GemmBlocks& g) { multiply_blocks<Dot, 2, 2, 2>(g); }
void gemm_blocks_avx_vnni_b4(const GemmBlocks& g) { multiply_blocks<Dot, 4, 2, 2>(g); }
void gemm_blocks_avx_vnni_b8(const GemmBlocks& g) { multiply_blocks<Dot, 8, 2, 2>(g); }

}  // namespace edgert
