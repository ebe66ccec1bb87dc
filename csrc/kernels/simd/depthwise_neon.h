// Depthwise convolution over words of 16 bits and sums of 32, for the families whose inputs and
// weights are such words or are widened to them. Included after the vector types.
//
// A family hands over a template Channels<kVectors>: the channels of an image whose sums are
// kVectors vectors. It is a WordBlock, has the members that the code below uses, and the functions
//
//   Words weights(tap)          of a tap of the filter
//   Words inputs(p)             the words that inputs at p are
//   bool store(sums, at)        writes whole vectors of outputs, sums[column][vector], from element
//                               `at` of y on, if they can be written from registers
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/simd/requantize.h"

namespace edgert {
namespace {

// The channels [c, c + n) of g, at most kCount.
template <typename Arguments, int kVectors>
struct WordBlock {
  static constexpr int kCount = kVectors * F32::kLanes, kHalves = kVectors / 2;

  struct Words {  // one for each channel
    int16x8_t v[kHalves];
  };
  using Sums = I32[kVectors];

  const Arguments& g;
  const size_t c;
  const int n;
  OutputVectors<kVectors> outputs;

  WordBlock(const Arguments& g, size_t c)
      : g(g),
        c(c),
        n(g.channels - c < kCount ? static_cast<int>(g.channels - c) : kCount),
        outputs(g.out, c, n) {}

  bool is_whole(int half) const { return __builtin_expect(n >= 8 * (half + 1), 1); }

  static void add(Sums& sums, const Words& x, const Words& w) {
#pragma GCC unroll 2
    for (int h = 0; h < kHalves; ++h) {
      I32 &low = sums[2 * h], &high = sums[2 * h + 1];
      low.v = vmlal_s16(low.v, vget_low_s16(x.v[h]), vget_low_s16(w.v[h]));
      high.v = vmlal_high_s16(high.v, x.v[h], w.v[h]);
    }
  }
};

constexpr size_t kMostTaps = 49;  // of a filter whose weights are made words beforehand

// kColumns neighbouring outputs of a row from column ox on. An input is loaded once and used for
// all the outputs that it reaches, if the filter is kWidth wide, dense and has stride kStride along
// the row, and its weights are given; 0: any.
template <int kWidth, int kStride, int kColumns, typename Channels>
void strip(const Channels& block, const typename Channels::Words* weights, size_t oy, size_t ox) {
  using Words = typename Channels::Words;
  constexpr int kLanes = F32::kLanes, kVectors = Channels::kCount / kLanes;
  const auto& g = block.g;
  const size_t pixel = g.pixel_stride;
  typename Channels::Sums sums[kColumns];
#pragma GCC unroll 8
  for (int o = 0; o < kColumns; ++o)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sums[o][v] = block.outputs.bias[v];
  for (size_t i = 0; i < g.kernel[0]; ++i) {
    const size_t y = oy * g.strides[0] + i * g.dilations[0] - g.pads[0];
    if (y >= g.height) continue;  // huge if above the image
    const auto* const row = g.x + y * g.width * pixel + block.c;
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
          if (const int j = k - o * kStride; j >= 0 && j < kWidth) block.add(sums[o], x, w[j]);
      }
    } else {
      for (size_t j = 0; j < g.kernel[1]; ++j) {
        const size_t x = ox * g.strides[1] + j * g.dilations[1] - g.pads[1];
        if (x < g.width)
          block.add(sums[0], block.inputs(row + x * pixel), block.weights(i * g.kernel[1] + j));
      }
    }
  }
  const size_t at = (oy * g.out_width + ox) * pixel + block.c;
  if (block.n == block.kCount && block.store(sums, at)) return;
  int32_t rows[kColumns * kVectors * kLanes];
#pragma GCC unroll 8
  for (int o = 0; o < kColumns; ++o)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sums[o][v].store(rows + (o * kVectors + v) * kLanes);
  finish(g.out, block.c, rows, kColumns, kVectors * kLanes, block.n, g.y, at, pixel);
}

template <int kWidth, int kStride, typename Channels>
void rows(const Channels& block) {
  constexpr int kColumns = kWidth > 0 ? 4 : 1;
  const auto& g = block.g;
  typename Channels::Words weights[kWidth > 0 ? kMostTaps : 1];
  for (size_t t = 0; kWidth > 0 && t < g.kernel[0] * g.kernel[1]; ++t)
    weights[t] = block.weights(t);
  for (size_t oy = g.row_begin; oy < g.row_end; ++oy) {
    size_t ox = 0;
    for (; ox + kColumns <= g.out_width; ox += kColumns)
      strip<kWidth, kStride, kColumns>(block, weights, oy, ox);
    if constexpr (kColumns > 1) {
      const size_t left = g.out_width - ox;
      if (left == 3) strip<kWidth, kStride, 3>(block, weights, oy, ox);
      if (left == 2) strip<kWidth, kStride, 2>(block, weights, oy, ox);
      if (left == 1) strip<kWidth, kStride, 1>(block, weights, oy, ox);
    }
  }
}

// For filters that are kWidth wide and dense, of few taps; false for others.
template <int kWidth, typename Channels>
bool dense_rows(const Channels& block) {
  const auto& g = block.g;
  if (g.kernel[1] != kWidth || g.kernel[0] * kWidth > kMostTaps || g.dilations[1] != 1)
    return false;
  if (g.strides[1] == 1)
    rows<kWidth, 1>(block);
  else if (g.strides[1] == 2)
    rows<kWidth, 2>(block);
  return g.strides[1] <= 2;
}

template <typename Channels, typename Arguments>
void convolve_channels(const Arguments& g, size_t c) {
  const Channels block(g, c);
  if (!dense_rows<3>(block) && !dense_rows<5>(block)) rows<0, 0>(block);
}

template <template <int> class Channels, typename Arguments>
void convolve(const Arguments& g) {
  size_t c = 0;
  for (; g.channels - c > 8; c += 16) {
    convolve_channels<Channels<4>>(g, c);
    if (g.channels - c <= 16) return;
  }
  convolve_channels<Channels<2>>(g, c);
}

}  // namespace
}  // namespace edgert
