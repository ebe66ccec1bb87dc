#ifdef __aarch64__

#define EDGERT_ROUND_TWICE
#include "kernels/simd/neon.h"

#include "kernels/gemm_blocks/gemm_blocks_tile.h"

namespace edgert {
namespace {

// Sums of products in 16 bits, four of few bits or two of bytes, which are taken as what they are
// above 128; then of two such neighbours in 32: an output has two lanes.
template <int kBits>
struct Dot {
  static constexpr int kLess = kBits == 8 ? 128 : 0;

  struct Sum {
    int32x4_t low, high;
  };
  static Sum start(I32 sum) {
    const int32x4_t zero = vdupq_n_s32(0);
    return {vzip1q_s32(sum.v, zero), vzip2q_s32(sum.v, zero)};
  }
  static I32 total(const Sum& sum) { return {vpaddq_s32(sum.low, sum.high)}; }

  template <int kRows>
  static void add(Sum (&sums)[kRows], const uint8_t* p, const int8_t* x, size_t stride) {
    int8x16_t w[4];
    look_up(p, w);
    for (int r = 0; r < kRows; ++r, x += stride)
      for (int i = 0; i < 4; i += 2) {
        const int8x16_t a = vreinterpretq_s8_s32(vdupq_n_s32(four_of(x + 4 * i)));
        const int8x16_t b = vreinterpretq_s8_s32(vdupq_n_s32(four_of(x + 4 * i + 4)));
        const int16x8_t low = vmull_s8(vget_low_s8(w[i]), vget_low_s8(a));
        const int16x8_t high = vmull_high_s8(w[i], a);
        Sum& sum = sums[r];
        sum.low = vpadalq_s16(sum.low, vmlal_s8(low, vget_low_s8(w[i + 1]), vget_low_s8(b)));
        sum.high = vpadalq_s16(sum.high, vmlal_high_s8(high, w[i + 1], b));
      }
  }

 private:
  static void look_up(const uint8_t* p, int8x16_t (&w)[4]) {
    constexpr int kStep = CodePanel::kStep;
    const uint8x16_t mask = vdupq_n_u8((1 << kBits) - 1);
    for (int i = 0; i < kBits / 2; ++i) {
      const uint8x16_t bytes = vld1q_u8(p + i * kStep);
      if constexpr (kBits == 8) {
        w[i] = vreinterpretq_s8_u8(veorq_u8(bytes, vdupq_n_u8(128)));
      } else {
        w[2 * i] = vreinterpretq_s8_u8(vandq_u8(bytes, mask));
        w[2 * i + 1] = vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(bytes, kBits), mask));
      }
      if constexpr (kBits == 2) {
        w[2] = vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(bytes, 4), mask));
        w[3] = vreinterpretq_s8_u8(vshrq_n_u8(bytes, 6));
      }
    }
  }
};

}  // namespace

void gemm_blocks_neon_b2(const GemmBlocks& g) { multiply_blocks<Dot, 2, 2, 4>(g); }
void gemm_blocks_neon_b4(const GemmBlocks& g) { multiply_blocks<Dot, 4, 2, 4>(g); }
void gemm_blocks_neon_b8(const GemmBlocks& g) { multiply_blocks<Dot, 8, 2, 4>(g); }

}  // namespace edgert

#endif
