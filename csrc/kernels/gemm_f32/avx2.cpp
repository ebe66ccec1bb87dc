#include "kernels/simd/avx2.h"

#include "kernels/gemm_f32/gemm_f32_tile.h"

namespace edgert {

void gemm_f32_avx2_6x16(const GemmF32& g) { gemm<6, 2>(g); }

}  // namespace edgert
