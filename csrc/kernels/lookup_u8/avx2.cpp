#include <immintrin.h>

#include "kernels/lookup_u8/lookup_u8_loop.h"

namespace edgert {
namespace {

// Shuffles of sixteen entries each. A shuffle gives 0 where the index is negative as a signed byte:
// slice s of a half, made the difference to the slice before it, contributes to the indices from
// 16 s on, so that the contributions sum to the entry (without carry: exclusive or).
struct Table {
  static constexpr size_t kBytes = 32;
  __m256i slices[16];

  explicit Table(const uint8_t* table) {
    for (int s = 0; s < 16; ++s) {
      __m128i slice = load(table + 16 * s);
      if (s % 8 > 0) slice = _mm_xor_si128(slice, load(table + 16 * (s - 1)));
      slices[s] = _mm256_broadcastsi128_si256(slice);
    }
  }

  void operator()(const uint8_t* x, uint8_t* y) const {
    const __m256i sixteen = _mm256_set1_epi8(16);
    __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x));
    __m256i high = _mm256_xor_si256(low, _mm256_set1_epi8(-128));
    __m256i from_low = _mm256_shuffle_epi8(slices[0], low);
    __m256i from_high = _mm256_shuffle_epi8(slices[8], high);
#pragma GCC unroll 8
    for (int s = 1; s < 8; ++s) {
      low = _mm256_subs_epi8(low, sixteen);
      high = _mm256_subs_epi8(high, sixteen);
      from_low = _mm256_xor_si256(from_low, _mm256_shuffle_epi8(slices[s], low));
      from_high = _mm256_xor_si256(from_high, _mm256_shuffle_epi8(slices[8 + s], high));
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(y), _mm256_xor_si256(from_low, from_high));
  }

 private:
  static __m128i load(const uint8_t* p) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  }
};

}  // namespace

void lookup_u8_avx2(const LookupU8& g) { lookup<Table>(g); }

}  // namespace edgert
