#define EDGERT_ROUND_TWICE
#include "kernels/simd/portable.h"

#include "kernels/dwconv_i8/dwconv_i8.h"
#include "kernels/simd/requantize.h"

namespace edgert {
namespace {

constexpr int kBlock = 32;  // channels whose sums are kept at a time

// Adds the products of one tap to the sums of n channels.
void add_tap(const uint8_t* x, const int8_t* w, int n, uint32_t* sums) {
  for (int c = 0; c < n; ++c) sums[c] += static_cast<uint32_t>(int{x[c]} * int{w[c]});
}

// n channels from c on of the output in row oy, column ox.
void output(const DwconvI8& g, const uint8_t* outside, size_t oy, size_t ox, size_t c, int n) {
  int32_t sums[kBlock] = {};
  __builtin_memcpy(sums, g.out.bias + c, n * sizeof(int32_t));
  for (size_t i = 0; i < g.kernel[0]; ++i) {
    const size_t y = oy * g.strides[0] + i * g.dilations[0] - g.pads[0];  // huge if above the image
    for (size_t j = 0; j < g.kernel[1]; ++j) {
      const size_t x = ox * g.strides[1] + j * g.dilations[1] - g.pads[1];
      const bool inside = y < g.height && x < g.width;
      add_tap(inside ? g.x + (y * g.width + x) * g.pixel_stride + c : outside,
              g.w + (i * g.kernel[1] + j) * g.w_stride + c, n, reinterpret_cast<uint32_t*>(sums));
    }
  }
  finish(g.out, c, sums, 1, kBlock, n, g.y, (oy * g.out_width + ox) * g.pixel_stride + c, 0);
}

}  // namespace

void dwconv_i8_portable(const DwconvI8& g) {
  uint8_t outside[kBlock];
  for (uint8_t& x : outside) x = g.x_zero;
  for (size_t oy = g.row_begin; oy < g.row_end; ++oy)
    for (size_t ox = 0; ox < g.out_width; ++ox)
      for (size_t c = 0; c < g.channels; c += kBlock)
        output(g, outside, oy, ox, c,
               g.channels - c < kBlock ? static_cast<int>(g.channels - c) : kBlock);
}

}  // namespace edgert
