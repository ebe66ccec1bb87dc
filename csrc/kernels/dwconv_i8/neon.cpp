#define EDGERT_ROUND_TWICE
#include "kernels/simd/neon.h"

#include "kernels/dwconv_i8/dwconv_i8_block.h"
#include "kernels/simd/depthwise_neon.h"

namespace edgert {
namespace {

// Inputs are taken as what they are above the zero point, so that taps outside of the image add
// nothing; the bias includes what all taps give at the zero point.
template <int kVectors>
struct Channels : WordBlock<DwconvI8, kVectors> {
  using Block = WordBlock<DwconvI8, kVectors>;
  using Block::c, Block::g, Block::kHalves, Block::n, Block::outputs;
  using typename Block::Words;

  const uint8x8_t zero;

  Channels(const DwconvI8& g, size_t c) : Block(g, c), zero(vdup_n_u8(g.x_zero)) {
    const int16_t x_zero = g.x_zero;
    for (size_t t = 0; t < g.kernel[0] * g.kernel[1]; ++t) {
      const Words w = weights(t);
      for (int h = 0; h < kHalves; ++h) {
        I32 &low = outputs.bias[2 * h], &high = outputs.bias[2 * h + 1];
        low.v = vmlal_n_s16(low.v, vget_low_s16(w.v[h]), x_zero);
        high.v = vmlal_high_n_s16(high.v, w.v[h], x_zero);
      }
    }
  }

  Words weights(size_t tap) const {
    Words words;
    const auto* const p = reinterpret_cast<const uint8_t*>(g.w) + tap * g.w_stride + c;
    for (int h = 0; h < kHalves; ++h)
      words.v[h] = vmovl_s8(vreinterpret_s8_u8(eight(p + 8 * h, h)));
    return words;
  }

  Words inputs(const uint8_t* p) const {
    Words words;
#pragma GCC unroll 2
    for (int h = 0; h < kHalves; ++h)
      words.v[h] = vreinterpretq_s16_u16(vsubl_u8(eight(p + 8 * h, h), zero));
    return words;
  }

  template <int kColumns>
  bool store(const I32 (&sums)[kColumns][kVectors], size_t at) const {
    if (!is_plain(g.out)) return false;
    const auto total = [&sums](int r, int v) { return sums[r][v]; };
    store_linear<false, kColumns>(LinearU8(g.out), outputs.multiplier, F32::kLanes,
                                  static_cast<uint8_t*>(g.y) + at, nullptr, g.pixel_stride, total);
    return true;
  }

 private:
  uint8x8_t eight(const uint8_t* p, int half) const {
    return this->is_whole(half) ? vld1_u8(p) : some(p, n - 8 * half);
  }
  static __attribute__((noinline)) uint8x8_t some(const uint8_t* p, int n) {
    uint64_t word = 0;
    for (int i = 0; i < n; ++i) word |= static_cast<uint64_t>(p[i]) << (8 * i);
    return vcreate_u8(word);
  }
};

}  // namespace

void dwconv_i8_neon(const DwconvI8& g) {
  if (g.channels > 0) for_bands(g, convolve<Channels, DwconvI8>);
}

}  // namespace edgert
