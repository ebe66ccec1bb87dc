// The shapes of products: what an operator multiplies, seen as a convolution. Knows nothing of the
// elements.
#pragma once

#include <cstddef>

#include "runtime/op.h"
#include "weights/shape.h"

namespace edgert {

// A matrix product is a convolution of an image of one row by a filter of one tap.
struct ProductShape {
  size_t batch = 1, height = 1, width = 1, channels = 1;  // of the input
  size_t out_height = 1, out_width = 1, outputs = 1;
  size_t kernel[2] = {1, 1}, strides[2] = {1, 1}, dilations[2] = {1, 1};
  size_t pads[2] = {0, 0};  // above, to the left; below and to the right follow from the sizes
  size_t skip[2] = {0, 0};  // rows above, columns to the left that no tap reads; with pads of 0
  size_t groups = 1;
  // Elements between neighbouring pixels, rows and images of the output; 0: it has no gaps.
  size_t out_pixel = 0, out_row = 0, out_image = 0;

  bool is_depthwise() const {  // whether each channel has a filter of its own
    return groups > 1 && groups == channels && groups == outputs;
  }
  WeightShape weights() const {
    return {outputs, kernel[0] * kernel[1], channels / groups, groups, kernel[1]};
  }
};

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

// That of a node that convolves input 0 with input 1.
ProductShape conv_shape(const BindContext& context, const ConvWindow& window);

// `rows` rows of `depth` elements by as many of `outputs` weights.
ProductShape matrix_shape(size_t rows, size_t depth, size_t outputs);

// That of a node that multiplies x[..., K] by w[N, K].
ProductShape matrix_shape(const BindContext& context);

// The shape of the output of such a node, whose inputs it checks.
Shape infer_matrix(const NodeTypes& node);

}  // namespace edgert
