#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx2.h"

#include "kernels/gemm_sparse_i8/one_row_avx2.h"

namespace edgert {
namespace {

// Adds pairs of 16 bits to a sum. The compiler may not reorder the additions: it would hold back
// all products of a column for that, far more than there are registers.
inline I32 add_pairs(I32 sum, __m256i pairs) {
  sum.v = _mm256_add_epi32(sum.v, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  asm("" : "+x"(sum.v));
  return sum;
}

// For weights that fit in pairs.
inline I32 dot_pairs(I32 sum, I32 x, I32 w) {
  return add_pairs(sum, _mm256_maddubs_epi16(x.v, w.v));
}

// For weights that fit in quads: 16 bits hold the sum of four products, of two blocks.
struct QuadDot : PlainDot<dot_pairs> {
  static constexpr bool kPaired = true;
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
  static constexpr bool kPaired = false;
  static constexpr int32_t kFlip = 0;
  using Weights = Words;
  using Input = Words;
  using Sum = I32;
  static Weights broadcast(const int8_t* p) {
    const __m256i w = PlainDot<dot_pairs>::broadcast(p).v;
    return {_mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8), _mm256_srai_epi16(w, 8)};
  }
  static Input load(const uint8_t* p) {
    const __m256i x = load_bytes(p).v;
    return {_mm256_and_si256(x, _mm256_set1_epi16(0xff)), _mm256_srli_epi16(x, 8)};
  }
  static Sum start(I32 sum) { return sum; }
  static Sum add(Sum sum, const Input& x, const Weights& w) {
    const __m256i even = _mm256_madd_epi16(x.even, w.even), odd = _mm256_madd_epi16(x.odd, w.odd);
    sum.v = _mm256_add_epi32(_mm256_add_epi32(sum.v, even), odd);
    asm("" : "+x"(sum.v));
    return sum;
  }
  static I32 total(Sum sum) { return sum; }
};

}  // namespace

void gemm_sparse_i8_avx2_quads_1x4(const GemmSparseI8& g) { gemm_sparse<QuadDot, Bsr1x4, 8>(g); }
void gemm_sparse_i8_avx2_quads_4x4(const GemmSparseI8& g) {
  g.m == 1 ? multiply_row<dot_pairs>(g) : gemm_sparse<QuadDot, Bsr4x4, 2>(g);
}

void gemm_sparse_i8_avx2_pairs_1x4(const GemmSparseI8& g) {
  gemm_sparse<PlainDot<dot_pairs>, Bsr1x4, 8>(g);
}
void gemm_sparse_i8_avx2_pairs_4x4(const GemmSparseI8& g) {
  g.m == 1 ? multiply_row<dot_pairs>(g) : gemm_sparse<PlainDot<dot_pairs>, Bsr4x4, 2>(g);
}

void gemm_sparse_i8_avx2_any_1x4(const GemmSparseI8& g) { gemm_sparse<AnyDot, Bsr1x4, 8>(g); }
void gemm_sparse_i8_avx2_any_4x4(const GemmSparseI8& g) { gemm_sparse<AnyDot, Bsr4x4, 2>(g); }

}  // namespace edgert
