#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx2.h"

#include "kernels/gemm_i8/gemm_i8_tile.h"

namespace edgert {
namespace {

// Adds pairs of 16 bits to a sum. The compiler may not reorder the additions: it would hold back
// all products of a tile for that, far more than there are registers.
inline I32 add_pairs(I32 sum, __m256i pairs) {
  sum.v = _mm256_add_epi32(sum.v, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  asm("" : "+x"(sum.v));
  return sum;
}

// For weights that fit in pairs.
inline I32 dot_pairs(I32 sum, I32 x, I32 w) {
  return add_pairs(sum, _mm256_maddubs_epi16(x.v, w.v));
}

// For weights that fit in quads: 16 bits hold the sum of four products.
struct QuadDot : PlainDot<dot_pairs> {
  static constexpr bool kTwoSteps = true;
  using PlainDot::add;
  static I32 add(I32 sum, I32 x, I32 w, I32 y, I32 v) {
    return add_pairs(
        sum, _mm256_add_epi16(_mm256_maddubs_epi16(x.v, w.v), _mm256_maddubs_epi16(y.v, v.v)));
  }
};

// Any weights: in 16 bits. Each output has two partial sums, side by side.
struct WideDot {
  struct Halves {
    __m256i low, high;  // of the outputs 0 .. 3 and 4 .. 7
  };
  static constexpr bool kTwoSteps = false;
  using Weights = Halves;
  using Sum = Halves;
  using Input = __m256i;
  static Weights load(const int8_t* p) {
    const __m128i* const w = reinterpret_cast<const __m128i*>(p);
    return {_mm256_cvtepi8_epi16(_mm_load_si128(w)), _mm256_cvtepi8_epi16(_mm_load_si128(w + 1))};
  }
  static Sum start(I32 bias) {
    return {_mm256_cvtepu32_epi64(_mm256_castsi256_si128(bias.v)),
            _mm256_cvtepu32_epi64(_mm256_extracti128_si256(bias.v, 1))};
  }
  static Input broadcast(int32_t word) { return _mm256_cvtepu8_epi16(_mm_set1_epi32(word)); }
  static Sum add(Sum sum, Input x, const Weights& w) {
    return {_mm256_add_epi32(sum.low, _mm256_madd_epi16(x, w.low)),
            _mm256_add_epi32(sum.high, _mm256_madd_epi16(x, w.high))};
  }
  static I32 total(Sum sum) {
    return {_mm256_permute4x64_epi64(_mm256_hadd_epi32(sum.low, sum.high), 0xd8)};
  }
};

}  // namespace

void gemm_i8_avx2_quads_6x16(const GemmI8& g) { gemm<QuadDot, 6, 2>(g); }

void gemm_i8_avx2_pairs_6x16(const GemmI8& g) { gemm<PlainDot<dot_pairs>, 6, 2>(g); }

void gemm_i8_avx2_wide_5x8(const GemmI8& g) { gemm<WideDot, 5, 1>(g); }

}  // namespace edgert
