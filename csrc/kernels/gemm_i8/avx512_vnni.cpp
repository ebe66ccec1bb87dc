#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx512_vnni.h"

#include "kernels/gemm_i8/gemm_i8_steps.h"

namespace edgert {

void gemm_i8_avx512_vnni_14x32(const GemmI8& g) { gemm<Steps<PlainDot<dot>>, 14, 2>(g); }

}  // namespace edgert
