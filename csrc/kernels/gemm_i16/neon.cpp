#define EDGERT_ROUND_TWICE
#include "kernels/simd/neon.h"

#include "kernels/gemm_i16/gemm_i16_tile.h"

namespace edgert {
namespace {

inline I32 dot(I32 sum, I32 x, I32 w) {
  const int16x8_t a = vreinterpretq_s16_s32(x.v), b = vreinterpretq_s16_s32(w.v);
  const int32x4_t low = vmull_s16(vget_low_s16(a), vget_low_s16(b)), high = vmull_high_s16(a, b);
  return {vaddq_s32(sum.v, vpaddq_s32(low, high))};
}

}  // namespace

void gemm_i16_neon_4x16(const GemmI16& g) { gemm<dot, 4>(g); }

}  // namespace edgert
