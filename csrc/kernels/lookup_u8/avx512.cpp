#include <immintrin.h>

#include "kernels/lookup_u8/lookup_u8_loop.h"

namespace edgert {
namespace {

// Permutations of 64 words: the upper seven bits of an index choose the word, the lowest its byte.
// The bytes at even and at odd places take turns.
struct Table {
  static constexpr size_t kBytes = 64;
  __m512i words[4];

  explicit Table(const uint8_t* table) {
    for (int i = 0; i < 4; ++i) words[i] = _mm512_loadu_si512(table + 64 * i);
  }

  void operator()(const uint8_t* x, uint8_t* y) const {
    const __m512i index = _mm512_loadu_si512(x);
    __m512i even = word(_mm512_srli_epi16(index, 1));
    __m512i odd = word(_mm512_srli_epi16(index, 9));
    const __mmask32 even_upper = _mm512_test_epi16_mask(index, _mm512_set1_epi16(1));
    const __mmask32 odd_lower = _mm512_testn_epi16_mask(index, _mm512_set1_epi16(256));
    even = _mm512_mask_srli_epi16(even, even_upper, even, 8);
    odd = _mm512_mask_slli_epi16(odd, odd_lower, odd, 8);
    constexpr int kSelect = 0xca;  // bit by bit, the first operand's: the second's or the third's
    _mm512_storeu_si512(y, _mm512_ternarylogic_epi32(_mm512_set1_epi16(255), even, odd, kSelect));
  }

 private:
  // The word at the lowest seven bits.
  __m512i word(__m512i index) const {
    const __m512i low = _mm512_permutex2var_epi16(words[0], index, words[1]);
    const __m512i high = _mm512_permutex2var_epi16(words[2], index, words[3]);
    return _mm512_mask_mov_epi16(low, _mm512_test_epi16_mask(index, _mm512_set1_epi16(64)), high);
  }
};

}  // namespace

void lookup_u8_avx512(const LookupU8& g) { lookup<Table>(g); }

}  // namespace edgert
