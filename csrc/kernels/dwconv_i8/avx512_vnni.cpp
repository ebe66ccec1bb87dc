#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx512_vnni.h"

#include "kernels/dwconv_i8/bytes_avx2.h"
#include "kernels/dwconv_i8/dwconv_i8_roll.h"
#include "kernels/dwconv_i8/dwconv_i8_strip.h"

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
    explicit Narrow(const Requantize& r) : range_(r.zero, r.low, r.high) {}
    Row operator()(const Row* sums, const float* multipliers) const {
      I32 integers[4];
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q)
        integers[q] = to_i32(to_f32(I32{sums[q]}) * F32::load(multipliers + q * F32::kLanes));
      return Bytes4::shuffled(integers, range_).v;
    }

   private:
    Bytes4::Range range_;
  };
};

// Groups of four rows as bytes.
template <class Bytes>
struct Quads : Bytes {
  static constexpr int kGroupRows = 4, kSums = 4;
  static constexpr bool kShifted = false;
  using Ints = typename Bytes::Row;
  struct Columns {
    Ints v[4];
  };
  static Columns interleave(const Ints* rows) {
    const Ints low01 = Bytes::unpack_low8(rows[0], rows[1]);
    const Ints high01 = Bytes::unpack_high8(rows[0], rows[1]);
    const Ints low23 = Bytes::unpack_low8(rows[2], rows[3]);
    const Ints high23 = Bytes::unpack_high8(rows[2], rows[3]);
    return {{Bytes::unpack_low16(low01, low23), Bytes::unpack_high16(low01, low23),
             Bytes::unpack_low16(high01, high23), Bytes::unpack_high16(high01, high23)}};
  }
  static Columns interleave_weights(const Ints* rows) { return interleave(rows); }
  static Ints load_ints(const void* p) { return Bytes::load(p); }
  static Ints dot(Ints sum, Ints x, Ints w) { return dot_bytes(sum, x, w); }
};

template <class Bytes>
void quad_blocks(const DwconvI8& g, size_t least, size_t& c) {
  for_blocks<Quads<Bytes>>(g, least, c, [](const Block<Quads<Bytes>>& block) {
    can_roll(block.g) ? roll(block) : Strips<Quads<Bytes>>(block).run();
  });
}

void run(const DwconvI8& g) {
  size_t c = 0;
  quad_blocks<Bytes64>(g, 33, c);
  quad_blocks<Bytes32>(g, 17, c);
  quad_blocks<Bytes16>(g, 1, c);
}

}  // namespace

void dwconv_i8_avx512_vnni(const DwconvI8& g) { for_bands(g, run); }

}  // namespace edgert
