#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx2.h"

#include "kernels/gemm_i8/gemm_i8_tile.h"

namespace edgert {
namespace {

// Sums of two products fit 16 bits.
struct Dot {
  using Weights = I32;
  static I32 load(const int8_t* p) {
    return {_mm256_load_si256(reinterpret_cast<const __m256i*>(p))};
  }
  static I32 add(I32 sum, I32 x, I32 w) {
    const __m256i pairs = _mm256_maddubs_epi16(x.v, w.v);
    return {_mm256_add_epi32(sum.v, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))};
  }
};

// Any weights: single products fit 16 bits.
struct ExactDot {
  struct Weights {
    __m256i even, odd;  // the others are zero
  };
  static Weights load(const int8_t* p) {
    const __m256i w = _mm256_load_si256(reinterpret_cast<const __m256i*>(p));
    const __m256i odd = _mm256_set1_epi16(static_cast<int16_t>(0xff00));
    return {_mm256_andnot_si256(odd, w), _mm256_and_si256(odd, w)};
  }
  static I32 add(I32 sum, I32 x, const Weights& w) {
    const __m256i one = _mm256_set1_epi16(1);
    const __m256i even = _mm256_madd_epi16(_mm256_maddubs_epi16(x.v, w.even), one);
    const __m256i odd = _mm256_madd_epi16(_mm256_maddubs_epi16(x.v, w.odd), one);
    return {_mm256_add_epi32(sum.v, _mm256_add_epi32(even, odd))};
  }
};

}  // namespace

void gemm_i8_avx2_6x16(const GemmI8& g) { gemm<Dot, 6, 2>(g); }

void gemm_i8_avx2_exact_4x16(const GemmI8& g) { gemm<ExactDot, 4, 2>(g); }

}  // namespace edgert
