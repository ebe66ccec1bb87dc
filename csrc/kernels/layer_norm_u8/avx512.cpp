#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx512.h"

#include "kernels/layer_norm_u8/layer_norm_u8_loop.h"

namespace edgert {
namespace {

struct Moments {
  I32 sums = I32::zero(), squares = I32::zero();
  void add(I32 bytes) {
    const __m512i zero = _mm512_setzero_si512();
    const __m512i low = _mm512_unpacklo_epi8(bytes.v, zero);
    const __m512i high = _mm512_unpackhi_epi8(bytes.v, zero);
    sums = sums + I32{_mm512_sad_epu8(bytes.v, zero)};
    squares = squares + I32{_mm512_madd_epi16(low, low)} + I32{_mm512_madd_epi16(high, high)};
  }
};

}  // namespace

void layer_norm_u8_avx512(const LayerNormU8& g) { layer_norm<Moments>(g); }

}  // namespace edgert
