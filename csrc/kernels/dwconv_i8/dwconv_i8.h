// Depthwise convolution of unsigned by signed bytes: every channel has its own filter.
//
//   y[oy][ox][c] = requantize(bias[c] + sum over (i, j) of
//                      x[oy * sh + i * dh - ph][ox * sw + j * dw - pw][c] * w[i * kw + j][c])
//
// as accumulator.h says. Taps outside of the image see x_zero. Sums are exact, modulo 2^32: all
// kernels give the same bits. Reads and writes nothing outside of the channels stated; nothing need
// be aligned.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/records/accumulator.h"
#include "kernels/records/depthwise.h"

namespace edgert {

struct DwconvI8 {
  size_t channels;      // to compute
  size_t pixel_stride;  // elements between neighbouring pixels, of x, y and residual alike
  const uint8_t* x;     // [height][width][pixel_stride]
  size_t height, width;
  uint8_t x_zero;
  void* y;  // [...][out_width][pixel_stride] of uint8_t, int16_t or float, as out.output.dtype says
  size_t out_width;
  size_t row_begin, row_end;  // output rows to compute
  size_t kernel[2], strides[2], dilations[2];
  size_t pads[2];   // above, to the left
  const int8_t* w;  // [kernel[0] * kernel[1]][w_stride]
  size_t w_stride;
  AccumulatorOutput out;  // the residual is as y
  std::byte* scratch;     // of dwconv_i8_scratch_bytes()
};

using DwconvI8Kernel = DepthwiseKernel<DwconvI8>;

#define KERNEL(symbol, ...) void symbol(const DwconvI8&);
#include "kernels/dwconv_i8/kernels.inc"

// The best kernel that `isa` can run.
const DwconvI8Kernel& select_dwconv_i8(IsaSet isa);

// What the kernel needs for the shape of g, whose pointers and rows do not matter.
size_t dwconv_i8_scratch_bytes(const DwconvI8Kernel& kernel, const DwconvI8& g);

}  // namespace edgert
