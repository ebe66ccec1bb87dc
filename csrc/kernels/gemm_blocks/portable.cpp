#define EDGERT_ROUND_TWICE
#include "kernels/simd/portable.h"

#include "kernels/gemm_blocks/gemm_blocks_dot.h"

namespace edgert {

void gemm_blocks_portable_b2(const GemmBlocks& g) { multiply_blocks<Dot, 2, 1, 1>(g); }
void gemm_blocks_portable_b4(const GemmBlocks& g) { multiply_blocks<Dot, 4, 1, 1>(g); }
void gemm_blocks_portable_b8(const GemmBlocks& g) { multiply_blocks<Dot, 8, 1, 1>(g); }

}  // namespace edgert
