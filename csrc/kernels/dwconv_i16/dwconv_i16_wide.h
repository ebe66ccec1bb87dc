// Sums of 64 bits, for any weights. Included after the vector types.
#pragma once

#include "kernels/dwconv_i16/dwconv_i16.h"
#include "kernels/simd/requantize.h"

namespace edgert {
namespace {

constexpr int kWideBlock = 16;  // channels whose sums are kept at a time

// n channels from c on of the output in row oy, column ox.
inline void output(const DwconvI16& g, size_t oy, size_t ox, size_t c, int n) {
  int64_t sums[kWideBlock] = {};
  for (int q = 0; q < n; ++q) sums[q] = g.out.bias[c + q];
  for (size_t i = 0; i < g.kernel[0]; ++i) {
    const size_t y = oy * g.strides[0] + i * g.dilations[0] - g.pads[0];  // huge if above the image
    if (y >= g.height) continue;
    for (size_t j = 0; j < g.kernel[1]; ++j) {
      const size_t x = ox * g.strides[1] + j * g.dilations[1] - g.pads[1];
      if (x >= g.width) continue;
      const int16_t* const in = g.x + (y * g.width + x) * g.pixel_stride + c;
      const int16_t* const w = g.w + (i * g.kernel[1] + j) * g.w_stride + c;
      for (int q = 0; q < n; ++q) sums[q] += int32_t{in[q]} * int32_t{w[q]};
    }
  }
  float rounded[kWideBlock];
  for (int q = 0; q < kWideBlock; ++q) rounded[q] = static_cast<float>(sums[q]);
  finish(g.out, c, rounded, 1, kWideBlock, n, g.y, (oy * g.out_width + ox) * g.pixel_stride + c, 0);
}

inline void convolve_wide(const DwconvI16& g) {
  for (size_t oy = g.row_begin; oy < g.row_end; ++oy)
    for (size_t ox = 0; ox < g.out_width; ++ox)
      for (size_t c = 0; c < g.channels; c += kWideBlock)
        output(g, oy, ox, c,
               g.channels - c < kWideBlock ? static_cast<int>(g.channels - c) : kWideBlock);
}

}  // namespace
}  // namespace edgert
