#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx2.h"

#include "kernels/gemm_blocks/gemm_blocks_tile.h"

namespace edgert {
namespace {

inline __m256i four(const int8_t* x) { return _mm256_set1_epi32(four_of(x)); }

// Adds pairs of 16 bits to a sum, in this order: the compiler would hold back products.
inline I32 add_pairs(I32 sum, __m256i pairs) {
  sum.v = _mm256_add_epi32(sum.v, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  asm("" : "+x"(sum.v));
  return sum;
}

struct PlainSums {
  using Sum = I32;
  static I32 start(I32 sum) { return sum; }
  static I32 total(I32 sum) { return sum; }
};

// Weights of few bits as bytes without a sign: 16 bits hold the sum of eight products with 127.
template <int kBits>
struct Dot : PlainSums {
  static constexpr int kLess = 0;

  template <int kRows>
  static void add(I32 (&sums)[kRows], const uint8_t* p, const int8_t* x, size_t stride) {
    __m256i w[4];
    const __m256i mask = _mm256_set1_epi8((1 << kBits) - 1);
#pragma GCC unroll 2
    for (int i = 0; i < kBits / 2; ++i) {
      const __m256i bytes =
          _mm256_load_si256(reinterpret_cast<const __m256i*>(p + i * CodePanel::kStep));
      w[2 * i] = _mm256_and_si256(bytes, mask);
      w[2 * i + 1] = _mm256_and_si256(_mm256_srli_epi16(bytes, kBits), mask);
      if constexpr (kBits == 2) {
        w[2] = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), mask);
        w[3] = _mm256_and_si256(_mm256_srli_epi16(bytes, 6), mask);
      }
    }
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const auto two = [&](int i) {
        return _mm256_maddubs_epi16(w[i], four(x + static_cast<size_t>(r) * stride + 4 * i));
      };
      sums[r] = add_pairs(sums[r], _mm256_add_epi16(_mm256_add_epi16(two(0), two(1)),
                                                    _mm256_add_epi16(two(2), two(3))));
    }
  }
};

// Weights of 8 bits as what they are above 128, the sign of which goes to the other factor: 16 bits
// hold the sum of two products, 2 * 127 * 128.
template <>
struct Dot<8> : PlainSums {
  static constexpr int kLess = 128;

  template <int kRows>
  static void add(I32 (&sums)[kRows], const uint8_t* p, const int8_t* x, size_t stride) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const __m256i bytes =
          _mm256_load_si256(reinterpret_cast<const __m256i*>(p + i * CodePanel::kStep));
      const __m256i w = _mm256_xor_si256(bytes, _mm256_set1_epi8(-128));
      const __m256i amount = _mm256_abs_epi8(w);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const __m256i signed_x =
            _mm256_sign_epi8(four(x + static_cast<size_t>(r) * stride + 4 * i), w);
        sums[r] = add_pairs(sums[r], _mm256_maddubs_epi16(amount, signed_x));
      }
    }
  }
};

}  // namespace

void gemm_blocks_avx2_b2(const GemmBlocks& g) { multiply_blocks<Dot, 2, 2, 2>(g); }
void gemm_blocks_avx2_b4(const GemmBlocks& g) { multiply_blocks<Dot, 4, 2, 2>(g); }
void gemm_blocks_avx2_b8(const GemmBlocks& g) { multiply_blocks<Dot, 8, 2, 2>(g); }

}  // namespace edgert
