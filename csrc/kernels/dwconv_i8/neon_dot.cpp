#define EDGERT_ROUND_TWICE
#include "kernels/simd/neon_dot.h"

#include "kernels/dwconv_i8/quads_neon.h"

namespace edgert {
namespace {

inline int32x4_t signed_dot(int32x4_t sum, uint8x16_t x, int8x16_t w) {
  return vdotq_s32(sum, vreinterpretq_s8_u8(x), w);
}

}  // namespace

void dwconv_i8_neon_dot(const DwconvI8& g) { dwconv<Quads<signed_dot, true>>(g); }

}  // namespace edgert
