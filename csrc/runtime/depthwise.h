// How depthwise convolutions, float or quantised, divide their work.
#pragma once

#include "runtime/conv_gemm.h"

namespace edgert {

class DepthwiseTasks {
 public:
  // Channels are split at multiples of `channel_step`.
  DepthwiseTasks(const ConvGeometry& geometry, size_t channel_step, int threads);

  struct Task {
    size_t channel, channels;   // [channel, channel + channels)
    size_t row_begin, row_end;  // output rows
    size_t x, y;  // elements of the input and output before those of image and channel
  };
  size_t count() const { return g_.batch * row_blocks_ * channel_blocks_; }
  Task task(size_t index) const;

 private:
  ConvGeometry g_;
  size_t block_rows_, block_channels_, row_blocks_, channel_blocks_;
};

// The shape of a convolution whose tensors hold its channels and no others.
template <typename Dwconv>
void set_geometry(const ConvGeometry& g, Dwconv* d) {
  d->pixel_stride = d->w_stride = g.channels;
  d->height = g.height;
  d->width = g.width;
  d->out_width = g.out_width;
  for (int i : {0, 1}) {
    d->kernel[i] = g.kernel[i];
    d->strides[i] = g.strides[i];
    d->dilations[i] = g.dilations[i];
    d->pads[i] = g.pads[i];
  }
}

}  // namespace edgert
