// Depthwise convolution in float32: every channel has its own filter.
//
//   y[oy][ox][c] = f(bias[c] + residual[oy][ox][c] +
//                    sum over (i, j) of x[oy * sh + i * dh - ph][ox * sw + j * dw - pw][c] *
//                                       w[i * kw + j][c])
//
// Taps outside of the image are left out. Each element is one chain of fused multiply-adds in the
// order of the taps, so that its bits do not depend on the kernel, nor on how rows and channels are
// split. The portable kernel, on CPUs without fused multiply-add, rounds twice per step: its error
// is at most twice as large.
//
// Reads and writes nothing outside of the channels stated; nothing need be aligned.
#pragma once

#include <cstddef>

#include "kernels/records/depthwise.h"
#include "schema/attrs.h"

namespace edgert {

struct DwconvF32 {
  size_t channels;      // to compute
  size_t pixel_stride;  // elements between neighbouring pixels, of x, y and residual alike
  const float* x;       // [height][width][pixel_stride]
  size_t height, width;
  float* y;  // [...][out_width][pixel_stride]
  size_t out_width;
  size_t row_begin, row_end;  // output rows to compute
  size_t kernel[2], strides[2], dilations[2];
  size_t pads[2];  // above, to the left
  const float* w;  // [kernel[0] * kernel[1]][w_stride]
  size_t w_stride;
  const float* bias;      // or null
  const float* residual;  // as y, or null; may be y itself
  Activation activation;  // the function f
};

using DwconvF32Kernel = DepthwiseKernel<DwconvF32>;

#define KERNEL(symbol, ...) void symbol(const DwconvF32&);
#include "kernels/dwconv_f32/kernels.inc"

// The best kernel that `isa` can run.
const DwconvF32Kernel& select_dwconv_f32(IsaSet isa);

}  // namespace edgert
