#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx2.h"

#include "kernels/gemm_i8/gemm_i8_codes.h"
#include "kernels/gemm_i8/gemm_i8_steps.h"

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

// Any weights: in 16 bits, the even elements of the depth apart from the odd ones.
struct AnyDot {
  struct Words {
    __m256i even, odd;
  };
  static constexpr bool kTwoSteps = false;
  using Weights = Words;
  using Sum = I32;
  using Input = Words;
  static Weights load(const int8_t* p) {
    const __m256i w = _mm256_load_si256(reinterpret_cast<const __m256i*>(p));
    return {_mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8), _mm256_srai_epi16(w, 8)};
  }
  static Sum start(I32 bias) { return bias; }
  static Input broadcast(int32_t word) {
    const __m256i x = _mm256_set1_epi32(word);
    return {_mm256_and_si256(x, _mm256_set1_epi16(0xff)), _mm256_srli_epi16(x, 8)};
  }
  static Sum add(Sum sum, Input x, const Weights& w) {
    const __m256i even = _mm256_madd_epi16(x.even, w.even), odd = _mm256_madd_epi16(x.odd, w.odd);
    return {_mm256_add_epi32(_mm256_add_epi32(sum.v, even), odd)};
  }
  static I32 total(Sum sum) { return sum; }
};

// Codes looked up by shuffles, which see four bits of a byte: one code, or two, of which a table
// repeats what the lower or the higher one stands for.
template <int kBits>
class Codes {
 public:
  explicit Codes(const int8_t* table) {
    int8_t lower[16], higher[16];
    for (int i = 0; i < 16; ++i) {
      lower[i] = table[kBits == 4 ? i : i & 3];
      higher[i] = table[i >> 2];
    }
    lower_ = both_lanes(lower);
    higher_ = both_lanes(higher);
  }

  void steps(const uint8_t* p, I32 (&w)[8 / kBits]) const {
    const __m256i bytes = _mm256_load_si256(reinterpret_cast<const __m256i*>(p));
    const __m256i mask = _mm256_set1_epi8(15);
    const __m256i low = _mm256_and_si256(bytes, mask);
    const __m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), mask);
    w[0].v = _mm256_shuffle_epi8(lower_, low);
    w[8 / kBits / 2].v = _mm256_shuffle_epi8(lower_, high);
    if constexpr (kBits == 2) {
      w[1].v = _mm256_shuffle_epi8(higher_, low);
      w[3].v = _mm256_shuffle_epi8(higher_, high);
    }
  }

 private:
  static __m256i both_lanes(const int8_t* p) {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  __m256i lower_, higher_;
};

}  // namespace

void gemm_i8_avx2_quads_6x16(const GemmI8& g) { gemm<Steps<QuadDot>, 6, 2>(g); }

void gemm_i8_avx2_pairs_6x16(const GemmI8& g) { gemm<Steps<PlainDot<dot_pairs>>, 6, 2>(g); }

void gemm_i8_avx2_any_4x16(const GemmI8& g) { gemm<Steps<AnyDot>, 4, 2>(g); }

void gemm_i8_avx2_codes4(const GemmI8& g) { multiply_codes<Codes, 4, QuadDot, false, 4>(g); }

void gemm_i8_avx2_codes2(const GemmI8& g) { multiply_codes<Codes, 2, QuadDot, false, 4>(g); }

}  // namespace edgert
