#define EDGERT_ROUND_TWICE
#include "kernels/simd/neon.h"

#include "kernels/dwconv_i8/dwconv_i8_block.h"

namespace edgert {
namespace {

// Channels whose sums are kVectors vectors, 8 or 16. Inputs are taken as what they are above the
// zero point, so that taps outside of the image add nothing.
template <int kVectors>
struct Channels {
  static constexpr int kCount = kVectors * F32::kLanes, kHalves = kVectors / 2;

  struct Words {  // one of 16 bits for each channel
    int16x8_t v[kHalves];
  };

  const DwconvI8& g;
  const size_t c;
  const int n;  // that exist, 1 .. kCount
  const uint8x8_t zero;
  OutputVectors<kVectors> outputs;  // the bias includes what all taps give at the zero point

  Channels(const DwconvI8& g, size_t c)
      : g(g),
        c(c),
        n(g.channels - c < kCount ? static_cast<int>(g.channels - c) : kCount),
        zero(vdup_n_u8(g.x_zero)),
        outputs(g.out, c, n) {
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

 private:
  uint8x8_t eight(const uint8_t* p, int half) const {
    if (__builtin_expect(n >= 8 * (half + 1), 1)) return vld1_u8(p);
    return some(p, n - 8 * half);
  }
  static __attribute__((noinline)) uint8x8_t some(const uint8_t* p, int n) {
    uint64_t word = 0;
    for (int i = 0; i < n; ++i) word |= static_cast<uint64_t>(p[i]) << (8 * i);
    return vcreate_u8(word);
  }
};

constexpr size_t kMostTaps = 49;  // of a filter whose weights are widened beforehand

// kColumns neighbouring outputs of a row from column ox on. An input is widened once and used for
// all the outputs that it reaches, if the filter is kWidth wide, dense and has stride kStride along
// the row, and its weights are given; 0: any.
template <int kVectors, int kWidth, int kStride, int kColumns>
void strip(const Channels<kVectors>& block, const typename Channels<kVectors>::Words* weights,
           size_t oy, size_t ox) {
  using Words = typename Channels<kVectors>::Words;
  constexpr int kLanes = F32::kLanes;
  const DwconvI8& g = block.g;
  const size_t pixel = g.pixel_stride;
  I32 acc[kColumns][kVectors];
#pragma GCC unroll 8
  for (int o = 0; o < kColumns; ++o)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) acc[o][v] = block.outputs.bias[v];
  const auto add = [](I32(&sum)[kVectors], const Words& x, const Words& w)
                       __attribute__((always_inline)) {
#pragma GCC unroll 2
                         for (int h = 0; h < kVectors / 2; ++h) {
                           I32 &low = sum[2 * h], &high = sum[2 * h + 1];
                           low.v = vmlal_s16(low.v, vget_low_s16(x.v[h]), vget_low_s16(w.v[h]));
                           high.v = vmlal_high_s16(high.v, x.v[h], w.v[h]);
                         }
                       };
  for (size_t i = 0; i < g.kernel[0]; ++i) {
    const size_t y = oy * g.strides[0] + i * g.dilations[0] - g.pads[0];
    if (y >= g.height) continue;  // huge if above the image
    const uint8_t* const row = g.x + y * g.width * pixel + block.c;
    if constexpr (kWidth > 0) {
      Words w[kWidth];
#pragma GCC unroll 8
      for (int j = 0; j < kWidth; ++j) w[j] = weights[i * kWidth + j];
      const size_t x0 = ox * kStride - g.pads[1];
#pragma GCC unroll 32
      for (int k = 0; k < (kColumns - 1) * kStride + kWidth; ++k) {
        if (x0 + k >= g.width) continue;  // huge if left of the image
        const Words x = block.inputs(row + (x0 + k) * pixel);
#pragma GCC unroll 8
        for (int o = 0; o < kColumns; ++o)
          if (const int j = k - o * kStride; j >= 0 && j < kWidth) add(acc[o], x, w[j]);
      }
    } else {
      for (size_t j = 0; j < g.kernel[1]; ++j) {
        const size_t x = ox * g.strides[1] + j * g.dilations[1] - g.pads[1];
        if (x < g.width)
          add(acc[0], block.inputs(row + x * pixel), block.weights(i * g.kernel[1] + j));
      }
    }
  }
  const size_t at = (oy * g.out_width + ox) * pixel + block.c;
  if (block.n == block.kCount && is_plain(g.out)) {
    const auto total = [&acc](int r, int v) { return acc[r][v]; };
    return store_linear<false, kColumns>(LinearU8(g.out), block.outputs.multiplier, kLanes,
                                         static_cast<uint8_t*>(g.y) + at, nullptr, pixel, total);
  }
  int32_t sums[kColumns * kVectors * kLanes];
#pragma GCC unroll 8
  for (int o = 0; o < kColumns; ++o)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) acc[o][v].store(sums + (o * kVectors + v) * kLanes);
  finish(g.out, block.c, sums, kColumns, kVectors * kLanes, block.n, g.y, at, pixel);
}

template <int kVectors, int kWidth, int kStride>
void rows(const Channels<kVectors>& block) {
  constexpr int kColumns = kWidth > 0 ? 4 : 1;
  const DwconvI8& g = block.g;
  typename Channels<kVectors>::Words weights[kWidth > 0 ? kMostTaps : 1];
  for (size_t t = 0; kWidth > 0 && t < g.kernel[0] * g.kernel[1]; ++t)
    weights[t] = block.weights(t);
  for (size_t oy = g.row_begin; oy < g.row_end; ++oy) {
    size_t ox = 0;
    for (; ox + kColumns <= g.out_width; ox += kColumns)
      strip<kVectors, kWidth, kStride, kColumns>(block, weights, oy, ox);
    if constexpr (kColumns > 1) {
      const size_t left = g.out_width - ox;
      if (left == 3) strip<kVectors, kWidth, kStride, 3>(block, weights, oy, ox);
      if (left == 2) strip<kVectors, kWidth, kStride, 2>(block, weights, oy, ox);
      if (left == 1) strip<kVectors, kWidth, kStride, 1>(block, weights, oy, ox);
    }
  }
}

// For filters that are kWidth wide and dense, of few taps; false for others.
template <int kWidth, int kVectors>
bool dense_rows(const Channels<kVectors>& block) {
  const DwconvI8& g = block.g;
  if (g.kernel[1] != kWidth || g.kernel[0] * kWidth > kMostTaps || g.dilations[1] != 1)
    return false;
  if (g.strides[1] == 1)
    rows<kVectors, kWidth, 1>(block);
  else if (g.strides[1] == 2)
    rows<kVectors, kWidth, 2>(block);
  return g.strides[1] <= 2;
}

template <int kVectors>
void channels(const DwconvI8& g, size_t c) {
  const Channels<kVectors> block(g, c);
  if (!dense_rows<3>(block) && !dense_rows<5>(block)) rows<kVectors, 0, 0>(block);
}

void run(const DwconvI8& g) {
  size_t c = 0;
  for (; g.channels - c > 8; c += 16) {
    channels<4>(g, c);
    if (g.channels - c <= 16) return;
  }
  channels<2>(g, c);
}

}  // namespace

void dwconv_i8_neon(const DwconvI8& g) {
  if (g.channels > 0) for_bands(g, run);
}

}  // namespace edgert
