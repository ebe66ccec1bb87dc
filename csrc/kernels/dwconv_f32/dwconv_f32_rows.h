// The loops of every dwconv_f32 kernel, over the vector type F32 of the including file.
#pragma once

#include "kernels/dwconv_f32/dwconv_f32.h"
#include "kernels/simd/epilogue.h"

namespace edgert {
namespace {

// The taps of a row of outputs that lie in the image.
struct Row {
  size_t oy;
  size_t first, last;  // filter rows [first, last)
};

// kColumns neighbouring outputs from column ox on, of filters kWidth wide (0: any width), at stride
// kStride (0: any). An input vector is loaded once and used for all the outputs that it reaches.
// kLeft and kRight: how many of the input columns lie beyond the edges of the image; kUnknown: any.
constexpr int kUnknown = -1;
template <int kWidth, int kStride, int kColumns, int kLeft, int kRight>
void strip(const DwconvF32& g, const Row& row, size_t ox) {
  constexpr int kLanes = F32::kLanes;
  const size_t pixel = g.pixel_stride;
  const Clamp clamp(g.activation);
  const ptrdiff_t x0 =
      static_cast<ptrdiff_t>(ox * g.strides[1]) - static_cast<ptrdiff_t>(g.pads[1]);
  const ptrdiff_t y0 = static_cast<ptrdiff_t>(row.oy * g.strides[0] + row.first * g.dilations[0]) -
                       static_cast<ptrdiff_t>(g.pads[0]);
  const float* const x =
      g.x + (y0 * static_cast<ptrdiff_t>(g.width) + x0) * static_cast<ptrdiff_t>(pixel);
  const size_t x_step = g.dilations[0] * g.width * pixel;  // between the rows of the filter
  const float* const w = g.w + row.first * g.kernel[1] * g.w_stride;
  const size_t out = (row.oy * g.out_width + ox) * pixel;
  float* const y = g.y + out;
  const float* const residual = g.residual ? g.residual + out : nullptr;
  const ptrdiff_t width = static_cast<ptrdiff_t>(g.width);

  // n channels from c on; n is kLanes wherever it matters, then known to the compiler.
  const auto channels = [&](size_t c, auto load, auto store) {
    F32 acc[kColumns];
    const F32 init = g.bias ? load(g.bias + c) : F32::zero();
#pragma GCC unroll 8
    for (int o = 0; o < kColumns; ++o)
      acc[o] = residual ? init + load(residual + o * pixel + c) : init;
    const float* in = x + c;
    const float* taps = w + c;
    for (size_t i = row.first; i < row.last; ++i, in += x_step, taps += g.kernel[1] * g.w_stride) {
      if constexpr (kWidth > 0) {
        F32 tap[kWidth];
#pragma GCC unroll 8
        for (int j = 0; j < kWidth; ++j) tap[j] = load(taps + j * g.w_stride);
        constexpr int kInputs = (kColumns - 1) * kStride + kWidth;
        const float* p = in;
#pragma GCC unroll 32
        for (int k = 0; k < kInputs; ++k, p += pixel) {
          if (kLeft == kUnknown ? x0 + k < 0 || x0 + k >= width
                                : k < kLeft || k >= kInputs - kRight)
            continue;
          const F32 v = load(p);
#pragma GCC unroll 8
          for (int o = 0; o < kColumns; ++o)
            if (const int j = k - o * kStride; j >= 0 && j < kWidth)
              acc[o] = accumulate(acc[o], v, tap[j]);
        }
      } else {
        for (size_t j = 0; j < g.kernel[1]; ++j) {
          const F32 tap = load(taps + j * g.w_stride);
#pragma GCC unroll 8
          for (int o = 0; o < kColumns; ++o) {
            const ptrdiff_t k = static_cast<ptrdiff_t>(j * g.dilations[1] + o * g.strides[1]);
            if (kLeft == kUnknown && (x0 + k < 0 || x0 + k >= width)) continue;
            acc[o] = accumulate(acc[o], load(in + k * static_cast<ptrdiff_t>(pixel)), tap);
          }
        }
      }
    }
#pragma GCC unroll 8
    for (int o = 0; o < kColumns; ++o) store(y + o * pixel + c, clamp(acc[o]));
  };

  size_t c = 0;
  for (; c + kLanes <= g.channels; c += kLanes)
    channels(c, [](const float* p) { return F32::load(p); }, [](float* p, F32 v) { v.store(p); });
  if (const int n = static_cast<int>(g.channels - c); n > 0)
    channels(
        c, [n](const float* p) { return F32::load(p, n); },
        [n](float* p, F32 v) { v.store(p, n); });
  if (!is_clamp(g.activation)) activate(g.activation, y, kColumns, pixel, g.channels);
}

template <int kWidth, int kStride, int kColumns>
void columns(const DwconvF32& g, const Row& row, size_t ox) {
  const size_t x0 = ox * g.strides[1];  // of the padded image
  const size_t end = x0 + (kColumns - 1) * g.strides[1] + (g.kernel[1] - 1) * g.dilations[1] + 1;
  const size_t left = x0 < g.pads[1] ? g.pads[1] - x0 : 0;
  const size_t right = end > g.pads[1] + g.width ? end - (g.pads[1] + g.width) : 0;
  if (left == 0 && right == 0) return strip<kWidth, kStride, kColumns, 0, 0>(g, row, ox);
  if constexpr (kWidth > 0 && kColumns == 7) {
    // The edges of an image whose output is 1 / kStride of its size.
    constexpr int kBefore = kWidth / 2, kAfter = kWidth / 2 - (kStride - 1);
    if (left == kBefore && right == 0)
      return strip<kWidth, kStride, kColumns, kBefore, 0>(g, row, ox);
    if (left == 0 && right == kAfter)
      return strip<kWidth, kStride, kColumns, 0, kAfter>(g, row, ox);
    if (left == kBefore && right == kAfter)
      return strip<kWidth, kStride, kColumns, kBefore, kAfter>(g, row, ox);
  }
  strip<kWidth, kStride, kColumns, kUnknown, kUnknown>(g, row, ox);
}

template <int kWidth, int kStride>
void rows(const DwconvF32& g) {
  for (size_t oy = g.row_begin; oy < g.row_end; ++oy) {
    // first * dh + oy * sh >= ph and (last - 1) * dh + oy * sh < ph + height
    const size_t top = oy * g.strides[0], dh = g.dilations[0];
    const size_t end = g.pads[0] + g.height;
    Row row = {oy, top < g.pads[0] ? (g.pads[0] - top + dh - 1) / dh : 0,
               top < end ? (end - top + dh - 1) / dh : 0};
    if (row.last > g.kernel[0]) row.last = g.kernel[0];
    if (row.first > row.last) row.first = row.last;
    size_t ox = 0;
    if constexpr (F32::kLanes > 4) {  // code that the portable kernel is not worth
      for (; ox + 7 <= g.out_width; ox += 7) columns<kWidth, kStride, 7>(g, row, ox);
    }
    for (; ox + 3 <= g.out_width; ox += 3) columns<kWidth, kStride, 3>(g, row, ox);
    for (; ox < g.out_width; ++ox) columns<kWidth, kStride, 1>(g, row, ox);
  }
}

inline void dwconv(const DwconvF32& g) {
  const bool dense = g.dilations[1] == 1;
  if (dense && g.kernel[1] == 3 && g.strides[1] == 1)
    rows<3, 1>(g);
  else if (dense && g.kernel[1] == 3 && g.strides[1] == 2)
    rows<3, 2>(g);
  else if (dense && g.kernel[1] == 5 && g.strides[1] == 1)
    rows<5, 1>(g);
  else if (dense && g.kernel[1] == 5 && g.strides[1] == 2)
    rows<5, 2>(g);
  else
    rows<0, 0>(g);
}

}  // namespace
}  // namespace edgert
