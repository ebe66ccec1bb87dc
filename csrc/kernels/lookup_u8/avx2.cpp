#include <immintrin.h>

#include "kernels/lookup_u8/lookup_u8_loop.h"

namespace edgert {
namespace {

// Sixteen shuffles of sixteen entries each by the lower half of an index; then the bits of the
// upper half choose, each between the results of all pairs that are left.
struct Table {
  static constexpr size_t kBytes = 32;
  __m256i slices[16];

  explicit Table(const uint8_t* table) {
    for (int s = 0; s < 16; ++s)
      slices[s] = _mm256_broadcastsi128_si256(
          _mm_loadu_si128(reinterpret_cast<const __m128i*>(table + 16 * s)));
  }

  void operator()(const uint8_t* x, uint8_t* y) const {
    const __m256i index = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x));
    const __m256i low = _mm256_and_si256(index, _mm256_set1_epi8(15));
    // The bit that chooses, from the lowest on, on top of its byte.
    const __m256i choice[4] = {_mm256_slli_epi16(index, 3), _mm256_slli_epi16(index, 2),
                               _mm256_slli_epi16(index, 1), index};
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(y), entry<4>(low, choice, 0));
  }

 private:
  // From the 2^kBits slices from `first` on.
  template <int kBits>
  __m256i entry(__m256i low, const __m256i (&choice)[4], int first) const {
    if constexpr (kBits == 0) {
      return _mm256_shuffle_epi8(slices[first], low);
    } else {
      constexpr int kHalf = 1 << (kBits - 1);
      return _mm256_blendv_epi8(entry<kBits - 1>(low, choice, first),
                                entry<kBits - 1>(low, choice, first + kHalf), choice[kBits - 1]);
    }
  }
};

}  // namespace

void lookup_u8_avx2(const LookupU8& g) { lookup<Table>(g); }

}  // namespace edgert
