#include <immintrin.h>

#include "kernels/signs_f32/signs_f32_loop.h"

namespace edgert {
namespace {

struct Octet {
  __mmask8 zero, nan;  // all bits, if they are -1

  explicit Octet(const SignsF32& g) : zero(g.zero < 0 ? 0xff : 0), nan(g.nan < 0 ? 0xff : 0) {}
  uint8_t operator()(const float* p) const {
    const __m256 x = _mm256_loadu_ps(p), none = _mm256_setzero_ps();
    return static_cast<uint8_t>(_mm256_cmp_ps_mask(x, none, _CMP_LT_OQ) |
                                _mm256_mask_cmp_ps_mask(zero, x, none, _CMP_EQ_OQ) |
                                _mm256_mask_cmp_ps_mask(nan, x, x, _CMP_UNORD_Q));
  }
};

}  // namespace

void signs_f32_avx512(const SignsF32& g) { signs<Octet>(g); }

}  // namespace edgert
