#define EDGERT_ROUND_TWICE
#include "kernels/simd/neon.h"

#include "kernels/dwconv_i16/dwconv_i16_wide.h"
#include "kernels/simd/depthwise_neon.h"

namespace edgert {
namespace {

template <int kVectors>
struct Channels : WordBlock<DwconvI16, kVectors> {
  using Block = WordBlock<DwconvI16, kVectors>;
  using Block::Block, Block::c, Block::g, Block::kHalves, Block::n, Block::outputs;
  using typename Block::Words;

  Words weights(size_t tap) const { return inputs(g.w + tap * g.w_stride + c); }

  Words inputs(const int16_t* p) const {
    Words words;
#pragma GCC unroll 2
    for (int h = 0; h < kHalves; ++h)
      words.v[h] = this->is_whole(h) ? vld1q_s16(p + 8 * h) : some(p + 8 * h, n - 8 * h);
    return words;
  }

  template <int kColumns>
  bool store(const I32 (&sums)[kColumns][kVectors], size_t at) const {
    if (!is_linear_i16(g.out)) return false;
    const LinearI16 end(g.out, g.y);
#pragma GCC unroll 8
    for (int o = 0; o < kColumns; ++o)
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v)
        end.store(sums[o][v], outputs.multiplier[v], at + o * g.pixel_stride + v * F32::kLanes);
    return true;
  }

 private:
  static __attribute__((noinline)) int16x8_t some(const int16_t* p, int n) {
    int16_t words[8] = {};
    for (int i = 0; i < n; ++i) words[i] = p[i];
    return vld1q_s16(words);
  }
};

}  // namespace

void dwconv_i16_neon(const DwconvI16& g) {
  if (g.channels > 0) convolve<Channels>(g);
}

#ifdef __aarch64__
void dwconv_i16_neon_wide(const DwconvI16& g) { convolve_wide(g); }
#endif

}  // namespace edgert
