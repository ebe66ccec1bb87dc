// Groups of four rows of 16 channels for dwconv_i8_block.h, over a function that adds to each lane
// of sums the products of four bytes with four weights: of bytes as they are, or as what they are
// above 128. Included after the vector types.
#pragma once

#include "kernels/dwconv_i8/dwconv_i8_roll.h"
#include "kernels/dwconv_i8/dwconv_i8_strip.h"

namespace edgert {
namespace {

template <int32x4_t (*kDot)(int32x4_t, uint8x16_t, int8x16_t), bool kSigned>
struct Quads {
  static constexpr int kChannels = 16, kGroupRows = 4, kSums = 4;
  static constexpr bool kShifted = kSigned;
  using Row = uint8x16_t;
  using Ints = int32x4_t;
  struct Columns {
    Ints v[4];
  };

  static Row load(const void* p) { return vld1q_u8(static_cast<const uint8_t*>(p)); }
  static Row load(const void* p, int n) {  // the first n, 1 .. 15; zeros above them
    uint8_t bytes[kChannels] = {};
    __builtin_memcpy(bytes, p, static_cast<size_t>(n));
    return vld1q_u8(bytes);
  }
  static Ints load_ints(const void* p) { return vld1q_s32(static_cast<const int32_t*>(p)); }
  static void store(void* p, Row v) { vst1q_u8(static_cast<uint8_t*>(p), v); }
  static void store(void* p, Ints v) { vst1q_s32(static_cast<int32_t*>(p), v); }
  static void store(void* p, Row v, int n) {
    uint8_t bytes[kChannels];
    vst1q_u8(bytes, v);
    __builtin_memcpy(p, bytes, static_cast<size_t>(n));
  }
  static Row fill(uint8_t x) { return vdupq_n_u8(x); }

  static Columns interleave(const Row* rows) {
    if constexpr (!kSigned) return interleave_weights(rows);
    Row shifted[kGroupRows];
    for (int b = 0; b < kGroupRows; ++b) shifted[b] = veorq_u8(rows[b], fill(128));
    return interleave_weights(shifted);
  }
  static Columns interleave_weights(const Row* rows) {
    const auto words = [](Row bytes) { return vreinterpretq_u16_u8(bytes); };
    const uint16x8_t low01 = words(vzip1q_u8(rows[0], rows[1]));
    const uint16x8_t high01 = words(vzip2q_u8(rows[0], rows[1]));
    const uint16x8_t low23 = words(vzip1q_u8(rows[2], rows[3]));
    const uint16x8_t high23 = words(vzip2q_u8(rows[2], rows[3]));
    const auto ints = [](uint16x8_t quads) { return vreinterpretq_s32_u16(quads); };
    return {{ints(vzip1q_u16(low01, low23)), ints(vzip2q_u16(low01, low23)),
             ints(vzip1q_u16(high01, high23)), ints(vzip2q_u16(high01, high23))}};
  }
  static Ints dot(Ints sum, Ints x, Ints w) {
    return kDot(sum, vreinterpretq_u8_s32(x), vreinterpretq_s8_s32(w));
  }

  class Narrow {
   public:
    explicit Narrow(const Requantize& r) : range_(r.zero, r.low, r.high) {}
    Row operator()(const Ints* sums, const float* multipliers) const {
      I32 integers[4];
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q)
        integers[q] = to_i32(to_f32(I32{sums[q]}) * F32::load(multipliers + q * F32::kLanes));
      return vreinterpretq_u8_s32(Bytes4(integers, range_).bytes().v);
    }

   private:
    Bytes4::Range range_;
  };
};

template <class V>
void dwconv(const DwconvI8& g) {
  for_bands(g, [](const DwconvI8& band) {
    size_t c = 0;
    for_blocks<V>(band, 1, c, [](const Block<V>& block) {
      can_roll(block.g) ? roll(block) : Strips<V>(block).run();
    });
  });
}

}  // namespace
}  // namespace edgert
