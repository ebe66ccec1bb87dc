#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx2.h"

#include "kernels/dwconv_i8/bytes_avx2.h"
#include "kernels/dwconv_i8/dwconv_i8_roll.h"
#include "kernels/dwconv_i8/dwconv_i8_strip.h"

namespace edgert {
namespace {

// Groups of two rows in 16 bits.
template <class Bytes>
struct Pairs : Bytes {
  static constexpr int kGroupRows = 2, kSums = 4;
  static constexpr bool kShifted = false;
  using Ints = typename Bytes::Row;
  struct Columns {
    Ints v[4];
  };
  static Columns interleave(const Ints* rows) {
    const Ints zero = Bytes::fill(0);
    return widen(rows, zero, zero);
  }
  static Columns interleave_weights(const Ints* rows) {
    return widen(rows, Bytes::signs8(Bytes::unpack_low8(rows[0], rows[1])),
                 Bytes::signs8(Bytes::unpack_high8(rows[0], rows[1])));
  }
  static Ints load_ints(const void* p) { return Bytes::load(p); }
  static Ints dot(Ints sum, Ints x, Ints w) { return Bytes::add_pairs(sum, x, w); }

 private:
  static Columns widen(const Ints* rows, Ints above_low, Ints above_high) {
    const Ints low = Bytes::unpack_low8(rows[0], rows[1]);
    const Ints high = Bytes::unpack_high8(rows[0], rows[1]);
    return {{Bytes::unpack_low8(low, above_low), Bytes::unpack_high8(low, above_low),
             Bytes::unpack_low8(high, above_high), Bytes::unpack_high8(high, above_high)}};
  }
};

// Groups of four rows of 16 channels, as two pairs in 16 bits.
struct TwoPairs : Bytes16 {
  static constexpr int kGroupRows = 4, kSums = 2;
  static constexpr bool kShifted = false;
  using Ints = __m256i;
  struct Columns {
    Ints v[4];
  };
  static Columns interleave(const Row* rows) {
    return interleave(_mm256_cvtepu8_epi16(rows[0]), _mm256_cvtepu8_epi16(rows[1]),
                      _mm256_cvtepu8_epi16(rows[2]), _mm256_cvtepu8_epi16(rows[3]));
  }
  static Columns interleave_weights(const Row* rows) {
    return interleave(_mm256_cvtepi8_epi16(rows[0]), _mm256_cvtepi8_epi16(rows[1]),
                      _mm256_cvtepi8_epi16(rows[2]), _mm256_cvtepi8_epi16(rows[3]));
  }
  static Ints load_ints(const void* p) { return Bytes32::load(p); }
  static Ints dot(Ints sum, Ints x, Ints w) { return Bytes32::add_pairs(sum, x, w); }

  class Narrow {
   public:
    explicit Narrow(const Requantize& r)
        : zero_(_mm256_set1_epi16(static_cast<int16_t>(r.zero))),
          low_(fill(static_cast<uint8_t>(r.low))),
          high_(fill(static_cast<uint8_t>(r.high))) {}
    Row operator()(const Ints* sums, const float* multipliers) const {
      const Ints words = _mm256_adds_epi16(
          _mm256_packs_epi32(round(sums[0], multipliers), round(sums[1], multipliers + 8)), zero_);
      const Row bytes =
          _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
      return _mm_min_epu8(_mm_max_epu8(bytes, low_), high_);
    }

   private:
    static Ints round(Ints sum, const float* multipliers) {
      return _mm256_cvtps_epi32(
          _mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_loadu_ps(multipliers)));
    }
    Ints zero_;
    Row low_, high_;
  };

 private:
  static Columns interleave(Ints a, Ints b, Ints c, Ints d) {
    return {{_mm256_unpacklo_epi16(a, b), _mm256_unpackhi_epi16(a, b), _mm256_unpacklo_epi16(c, d),
             _mm256_unpackhi_epi16(c, d)}};
  }
};

void run(const DwconvI8& g) {
  size_t c = 0;
  if (can_roll(g) && g.strides[1] == 2) return for_blocks<TwoPairs>(g, 1, c, roll<TwoPairs>);
  const auto strips = [](const auto& block) { Strips(block).run(); };
  for_blocks<Pairs<Bytes32>>(g, 17, c, strips);
  for_blocks<Pairs<Bytes16>>(g, 1, c, strips);
}

}  // namespace

void dwconv_i8_avx2(const DwconvI8& g) { for_bands(g, run); }

}  // namespace edgert
