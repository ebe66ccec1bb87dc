#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx512_vnni.h"

#include "kernels/dwconv_i8/bytes_avx2.h"
#include "kernels/dwconv_i8/dwconv_i8_block.h"
#include "kernels/dwconv_i8/quads.h"

namespace edgert {
namespace {

struct Bytes64 {
  static constexpr int kBytes = 64;
  using Ints = __m512i;
  static __mmask64 first(int n) { return ~uint64_t{0} >> (64 - n); }  // 1 .. 64
  static Ints load(const void* p) { return _mm512_loadu_si512(p); }
  static Ints load(const void* p, int n) { return _mm512_maskz_loadu_epi8(first(n), p); }
  static void store(void* p, Ints v) { _mm512_storeu_si512(p, v); }
  static void store(void* p, Ints v, int n) { _mm512_mask_storeu_epi8(p, first(n), v); }
  static Ints fill(uint8_t x) { return _mm512_set1_epi8(static_cast<char>(x)); }
  static Ints unpack_low8(Ints a, Ints b) { return _mm512_unpacklo_epi8(a, b); }
  static Ints unpack_high8(Ints a, Ints b) { return _mm512_unpackhi_epi8(a, b); }
  static Ints unpack_low16(Ints a, Ints b) { return _mm512_unpacklo_epi16(a, b); }
  static Ints unpack_high16(Ints a, Ints b) { return _mm512_unpackhi_epi16(a, b); }

  class Narrow {
   public:
    explicit Narrow(const Requantize& r)
        : zero_(_mm512_set1_epi16(static_cast<int16_t>(r.zero))),
          low_(fill(static_cast<uint8_t>(r.low))),
          high_(fill(static_cast<uint8_t>(r.high))) {}
    Ints half(const Ints* sums, const float* multipliers) const {
      return _mm512_adds_epi16(
          _mm512_packs_epi32(round(sums[0], multipliers), round(sums[1], multipliers + 16)), zero_);
    }
    Ints join(Ints a, Ints b) const {
      return _mm512_min_epu8(_mm512_max_epu8(_mm512_packus_epi16(a, b), low_), high_);
    }

   private:
    Ints round(Ints sum, const float* multipliers) const {
      return _mm512_cvtps_epi32(
          _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_loadu_ps(multipliers)));
    }
    Ints zero_, low_, high_;
  };
};

}  // namespace

void dwconv_i8_avx512_vnni(const DwconvI8& g) {
  size_t c = 0;
  blocks<Quads<Bytes64>>(g, 33, c);
  blocks<Quads<Bytes32>>(g, 17, c);
  blocks<Quads<Bytes16>>(g, 1, c);
}

}  // namespace edgert
