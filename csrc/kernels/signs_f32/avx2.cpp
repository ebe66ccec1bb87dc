#include <immintrin.h>

#include "kernels/signs_f32/signs_f32_loop.h"

namespace edgert {
namespace {

struct Octet {
  __m256 zero, nan;  // all bits, if they are -1

  static __m256 all_if(bool set) { return _mm256_castsi256_ps(_mm256_set1_epi32(set ? -1 : 0)); }
  explicit Octet(const SignsF32& g) : zero(all_if(g.zero < 0)), nan(all_if(g.nan < 0)) {}
  uint8_t operator()(const float* p) const {
    const __m256 x = _mm256_loadu_ps(p), none = _mm256_setzero_ps();
    const __m256 negative = _mm256_cmp_ps(x, none, _CMP_LT_OQ);
    const __m256 zeros = _mm256_and_ps(zero, _mm256_cmp_ps(x, none, _CMP_EQ_OQ));
    const __m256 nans = _mm256_and_ps(nan, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    return static_cast<uint8_t>(
        _mm256_movemask_ps(_mm256_or_ps(negative, _mm256_or_ps(zeros, nans))));
  }
};

}  // namespace

void signs_f32_avx2(const SignsF32& g) { signs<Octet>(g); }

}  // namespace edgert
