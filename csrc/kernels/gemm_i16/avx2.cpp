#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx2.h"

#include "kernels/gemm_i16/gemm_i16_tile.h"

namespace edgert {
namespace {

inline I32 dot(I32 sum, I32 x, I32 w) {
  return {_mm256_add_epi32(sum.v, _mm256_madd_epi16(x.v, w.v))};
}

}  // namespace

void gemm_i16_avx2_6x16(const GemmI16& g) { gemm<dot, 6>(g); }

}  // namespace edgert
