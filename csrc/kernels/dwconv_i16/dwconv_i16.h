// Depthwise convolution of signed integers of 16 bits: every channel has its own filter.
//
//   y[oy][ox][c] = requantize(float(bias[c] + sum over (i, j) of
//                      x[oy * sh + i * dh - ph][ox * sw + j * dw - pw][c] * w[i * kw + j][c]))
//
// with the sum exact, rounded once to a float, and the rest as accumulator.h says. Taps outside of
// the image are left out. All kernels give the same bits; those that are `narrow` only for weights
// for which, with the bias of the same channel, |bias| + 32768 * (sum of |w|) is below 2^31.
//
// Reads and writes nothing outside of the channels stated; nothing need be aligned.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/records/accumulator.h"
#include "kernels/records/depthwise.h"

namespace edgert {

struct DwconvI16 {
  size_t channels;      // to compute
  size_t pixel_stride;  // elements between neighbouring pixels, of x, y and residual alike
  const int16_t* x;     // [height][width][pixel_stride]
  size_t height, width;
  void* y;  // [...][out_width][pixel_stride] of uint8_t, int16_t or float, as output.dtype says
  size_t out_width;
  size_t row_begin, row_end;  // output rows to compute
  size_t kernel[2], strides[2], dilations[2];
  size_t pads[2];    // above, to the left
  const int16_t* w;  // [kernel[0] * kernel[1]][w_stride]
  size_t w_stride;
  AccumulatorOutput out;  // the residual is as y
};

using DwconvI16Kernel = DepthwiseKernel<DwconvI16>;

#define KERNEL(symbol, ...) void symbol(const DwconvI16&);
#include "kernels/dwconv_i16/kernels.inc"

// The best kernel that `isa` can run; `narrow` says whether all sums have 32 bits.
const DwconvI16Kernel& select_dwconv_i16(IsaSet isa, bool narrow);

}  // namespace edgert
