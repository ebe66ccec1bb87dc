#ifdef __aarch64__

#define EDGERT_ROUND_TWICE
#include "kernels/simd/neon.h"

#include "kernels/gemm_bits/gemm_bits_tile.h"

namespace edgert {
namespace {

struct Bits {
  static constexpr int kPanels = 1;
  using Weights = uint8x16_t;
  using Input = uint8x16_t;
  using Counts = uint8x16_t;

  static Counts zero() { return vdupq_n_u8(0); }
  static Weights load(const uint8_t* const* panels, size_t at) { return vld1q_u8(panels[0] + at); }
  static Input broadcast(uint8_t byte) { return vdupq_n_u8(byte); }
  static Counts add(Counts counts, Input x, Weights w) {
    return vaddq_u8(counts, vcntq_u8(veorq_u8(x, w)));
  }
  static void widen(Counts counts, uint16_t* sums) {
    vst1q_u16(sums, vaddw_u8(vld1q_u16(sums), vget_low_u8(counts)));
    vst1q_u16(sums + 8, vaddw_high_u8(vld1q_u16(sums + 8), counts));
  }
  static uint32_t less(const int16_t* s, const int16_t* thresholds) {
    return eight(s, thresholds) | eight(s + 8, thresholds + 8) << 8;
  }

 private:
  static uint32_t eight(const int16_t* s, const int16_t* thresholds) {
    static const uint16_t kBits[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    return vaddvq_u16(vandq_u16(vcltq_s16(vld1q_s16(s), vld1q_s16(thresholds)), vld1q_u16(kBits)));
  }
};

}  // namespace

void gemm_bits_neon_4x64(const GemmBits& g) { gemm_bits<Bits, 4, 4>(g); }

}  // namespace edgert

#endif
