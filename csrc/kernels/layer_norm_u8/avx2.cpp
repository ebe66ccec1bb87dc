#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx2.h"

#include "kernels/layer_norm_u8/layer_norm_u8_loop.h"

namespace edgert {
namespace {

struct Moments {
  I32 sums = I32::zero(), squares = I32::zero();
  void add(I32 bytes) {
    const __m256i zero = _mm256_setzero_si256();
    const __m256i low = _mm256_unpacklo_epi8(bytes.v, zero);
    const __m256i high = _mm256_unpackhi_epi8(bytes.v, zero);
    sums = sums + I32{_mm256_sad_epu8(bytes.v, zero)};
    squares = squares + I32{_mm256_madd_epi16(low, low)} + I32{_mm256_madd_epi16(high, high)};
  }
};

}  // namespace

void layer_norm_u8_avx2(const LayerNormU8& g) { layer_norm<Moments>(g); }

}  // namespace edgert
