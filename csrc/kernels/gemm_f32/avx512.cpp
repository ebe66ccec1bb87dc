#include "kernels/simd/avx512.h"

#include "kernels/gemm_f32/gemm_f32_tile.h"

namespace edgert {

void gemm_f32_avx512_14x32(const GemmF32& g) { gemm<14, 2>(g); }

}  // namespace edgert
