#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx2.h"

#include "kernels/gemm_bits/gemm_bits_tile.h"

namespace edgert {
namespace {

// Of each byte of a row its lower and its upper half: entry w is the number of bits in which that
// and w differ.
struct Table {
  alignas(32) uint8_t differ[256][2][16];
};

constexpr Table make_table() {
  Table table{};
  for (int x = 0; x < 256; ++x)
    for (int w = 0; w < 16; ++w)
      for (int bit = 0; bit < 8; ++bit) {
        uint8_t& count = table.differ[x][bit / 4][w];
        count = static_cast<uint8_t>(count + ((x >> bit ^ w >> bit % 4) & 1));
      }
  return table;
}

constexpr Table kTable = make_table();

// The weights choose, half a byte at a time, from the row of the table that the input has chosen.
struct Bits {
  static constexpr int kPanels = 2;
  struct Halves {
    __m256i low, high;
  };
  using Weights = Halves;
  using Input = Halves;
  using Counts = __m256i;

  static Counts zero() { return _mm256_setzero_si256(); }
  static Weights load(const uint8_t* const* panels, size_t at) {
    const __m256i w =
        _mm256_blend_epi32(_mm256_castsi128_si256(load_panel(panels[0] + at)),
                           _mm256_broadcastsi128_si256(load_panel(panels[1] + at)), 0xf0);
    const __m256i half = _mm256_set1_epi8(15);
    return {_mm256_and_si256(w, half), _mm256_and_si256(_mm256_srli_epi16(w, 4), half)};
  }
  static Input broadcast(uint8_t byte) {
    return {half(kTable.differ[byte][0]), half(kTable.differ[byte][1])};
  }
  static Counts add(Counts counts, const Input& x, const Weights& w) {
    return add_bytes(add_bytes(counts, _mm256_shuffle_epi8(x.low, w.low)),
                     _mm256_shuffle_epi8(x.high, w.high));
  }
  static void widen(Counts counts, uint16_t* sums) {
    __m256i* const to = reinterpret_cast<__m256i*>(sums);
    const __m128i halves[] = {_mm256_castsi256_si128(counts), _mm256_extracti128_si256(counts, 1)};
    for (int i = 0; i < 2; ++i)
      _mm256_storeu_si256(
          to + i, _mm256_add_epi16(_mm256_loadu_si256(to + i), _mm256_cvtepu8_epi16(halves[i])));
  }
  static uint32_t less(const int16_t* s, const int16_t* thresholds) {
    const auto load = [](const int16_t* p) {
      return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    };
    const __m256i set = _mm256_cmpgt_epi16(load(thresholds), load(s));
    return static_cast<uint32_t>(_mm_movemask_epi8(
        _mm_packs_epi16(_mm256_castsi256_si128(set), _mm256_extracti128_si256(set, 1))));
  }

 private:
  // The compiler may not reorder the additions: it would keep both terms of all counts of a tile,
  // more than there are registers.
  static __m256i add_bytes(__m256i counts, __m256i more) {
    counts = _mm256_add_epi8(counts, more);
    asm("" : "+x"(counts));
    return counts;
  }
  static __m128i load_panel(const uint8_t* p) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  }
  static __m256i half(const uint8_t (&counts)[16]) {
    return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(counts)));
  }
};

}  // namespace

void gemm_bits_avx2_4x64(const GemmBits& g) { gemm_bits<Bits, 2, 4>(g); }

}  // namespace edgert
