#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx512_vnni.h"

#include "kernels/dwconv_i8/bytes_avx2.h"
#include "kernels/dwconv_i8/quads.h"

namespace edgert {
namespace {

struct Bytes64 {
  static constexpr int kChannels = 64;
  using Row = __m512i;
  static __mmask64 first(int n) { return ~uint64_t{0} >> (64 - n); }  // 1 .. 64
  static Row load(const void* p) { return _mm512_loadu_si512(p); }
  static Row load(const void* p, int n) { return _mm512_maskz_loadu_epi8(first(n), p); }
  static void store(void* p, Row v) { _mm512_storeu_si512(p, v); }
  static void store(void* p, Row v, int n) { _mm512_mask_storeu_epi8(p, first(n), v); }
  static Row fill(uint8_t x) { return _mm512_set1_epi8(static_cast<char>(x)); }
  static Row unpack_low8(Row a, Row b) { return _mm512_unpacklo_epi8(a, b); }
  static Row unpack_high8(Row a, Row b) { return _mm512_unpackhi_epi8(a, b); }
  static Row unpack_low16(Row a, Row b) { return _mm512_unpacklo_epi16(a, b); }
  static Row unpack_high16(Row a, Row b) { return _mm512_unpackhi_epi16(a, b); }

  class Narrow {
   public:
    explicit Narrow(const Requantize& r)
        : zero_(_mm512_set1_epi16(static_cast<int16_t>(r.zero))),
          low_(fill(static_cast<uint8_t>(r.low))),
          high_(fill(static_cast<uint8_t>(r.high))) {}
    Row operator()(const Row* sums, const float* multipliers) const {
      const Row low = half(sums, multipliers);
      const Row high = half(sums + 2, multipliers + 32);
      return _mm512_min_epu8(_mm512_max_epu8(_mm512_packus_epi16(low, high), low_), high_);
    }

   private:
    Row half(const Row* sums, const float* multipliers) const {
      return _mm512_adds_epi16(
          _mm512_packs_epi32(round(sums[0], multipliers), round(sums[1], multipliers + 16)), zero_);
    }
    Row round(Row sum, const float* multipliers) const {
      return _mm512_cvtps_epi32(
          _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_loadu_ps(multipliers)));
    }
    Row zero_, low_, high_;
  };
};

void run(const DwconvI8& g) {
  size_t c = 0;
  quad_blocks<Bytes64>(g, 33, c);
  quad_blocks<Bytes32>(g, 17, c);
  quad_blocks<Bytes16>(g, 1, c);
}

}  // namespace

void dwconv_i8_avx512_vnni(const DwconvI8& g) { for_bands(g, run); }

}  // namespace edgert
