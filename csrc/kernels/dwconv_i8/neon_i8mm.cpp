#define EDGERT_ROUND_TWICE
#include "kernels/simd/neon_i8mm.h"

#include "kernels/dwconv_i8/quads_neon.h"

namespace edgert {
namespace {

inline int32x4_t mixed_dot(int32x4_t sum, uint8x16_t x, int8x16_t w) {
  return vusdotq_s32(sum, x, w);
}

}  // namespace

void dwconv_i8_neon_i8mm(const DwconvI8& g) { dwconv<Quads<mixed_dot, false>>(g); }

}  // namespace edgert
