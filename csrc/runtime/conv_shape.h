// The shapes of convolutions, which conv and qconv share.
#pragma once

#include "runtime/conv_gemm.h"
#include "runtime/op.h"

namespace edgert {

// The attributes that every convolution has.
struct ConvWindow {
  const int32_t *strides, *dilations, *pads;
  int32_t groups;

  template <typename Attrs>
  explicit ConvWindow(const Attrs& attrs)
      : strides(attrs.strides),
        dilations(attrs.dilations),
        pads(attrs.pads),
        groups(attrs.groups) {}
};

// The attributes that every transposed convolution has.
struct TransposedWindow {
  const int32_t *kernel, *strides, *dilations, *pads, *output_padding;

  template <typename Attrs>
  TransposedWindow(const int32_t* kernel, const Attrs& attrs)
      : kernel(kernel),
        strides(attrs.strides),
        dilations(attrs.dilations),
        pads(attrs.pads),
        output_padding(attrs.output_padding) {}
};

// The shape of the output of a convolution of input 0 with the filter, input 1. Checks both and the
// window completely.
Shape infer_conv(const NodeTypes& node, const ConvWindow& window);

// Height and width of the output of a transposed convolution of input 0, an image; the rest of the
// shape is that of the input. Checks the window completely.
Shape infer_transposed(const NodeTypes& node, const TransposedWindow& window);

// Whether each channel has a filter of its own.
bool is_depthwise(const ConvWindow& window, const Shape& x, const Shape& w);

ConvGeometry conv_geometry(const ConvWindow& window, const Shape& x, const Shape& w,
                           const Shape& y);

}  // namespace edgert
