#ifdef __aarch64__

#include "kernels/simd/neon.h"

#include "kernels/gemm_f32/gemm_f32_tile.h"

namespace edgert {

void gemm_f32_neon_6x16(const GemmF32& g) { gemm<6, 4>(g); }

}  // namespace edgert

#endif
