#include "kernels/simd/portable.h"

#include "kernels/gemm_f32/gemm_f32_tile.h"

namespace edgert {

void gemm_f32_portable_4x8(const GemmF32& g) { gemm<4, 2>(g); }

}  // namespace edgert
