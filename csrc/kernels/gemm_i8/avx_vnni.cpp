#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx_vnni.h"

#include "kernels/gemm_i8/gemm_i8_steps.h"

namespace edgert {

void gemm_i8_avx_vnni_6x16(const GemmI8& g) { gemm<Steps<PlainDot<dot>>, 6, 2>(g); }

}  // namespace edgert
