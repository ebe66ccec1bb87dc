#include "runtime/product/shape.h"

#include <algorithm>

namespace edgert {
namespace {

// Size of an output dimension; 0 if the filter does not fit.
int64_t output_size(int64_t in, int64_t kernel, int64_t stride, int64_t dilation, int64_t before,
                    int64_t after) {
  const int64_t room = in + before + after - ((kernel - 1) * dilation + 1);
  return room < 0 ? 0 : room / stride + 1;
}

}  // namespace

Shape infer_conv(const NodeTypes& node, const ConvWindow& window) {
  for (int i : {0, 1}) node.require_rank(i, 4);
  const Shape &x = node.shape(0), &w = node.shape(1);
  for (int i = 0; i < 4; ++i) {
    if (w[i] < 1) node.fail("SHAPE", "the filter has shape %s", to_string(w).c_str());
    if (i > 0 && x[i] < 1) node.fail("SHAPE", "the input has shape %s", to_string(x).c_str());
    if (window.pads[i] < 0) node.fail("ATTR", "pad %d is %d", i, window.pads[i]);
  }
  for (int i : {0, 1})
    if (window.strides[i] < 1 || window.dilations[i] < 1)
      node.fail("ATTR", "stride %d and dilation %d along axis %d, expected at least 1",
                window.strides[i], window.dilations[i], i);
  const int32_t groups = window.groups;
  if (groups < 1 || x[3] % groups != 0 || w[0] % groups != 0)
    node.fail("ATTR", "%d groups do not divide %d input and %d output channels", groups, x[3],
              w[0]);
  if (w[3] != x[3] / groups)
    node.fail("SHAPE", "the filter has %d input channels, expected %d (%d in %d groups)", w[3],
              x[3] / groups, x[3], groups);

  TensorType out{node.input(0).dtype, {}};
  out.shape.rank = 4;
  out.shape[0] = x[0];
  out.shape[3] = w[0];
  TensorType padded = node.input(0);  // what a task may have to copy
  for (int i : {0, 1}) {
    const int64_t in = int64_t{x[1 + i]} + window.pads[i] + window.pads[2 + i];
    const int64_t size = output_size(x[1 + i], w[1 + i], window.strides[i], window.dilations[i],
                                     window.pads[i], window.pads[2 + i]);
    if (size < 1)
      node.fail("SHAPE", "a filter of %d with dilation %d does not fit into %lld along axis %d",
                w[1 + i], window.dilations[i], static_cast<long long>(in), i);
    if (in > INT32_MAX)
      node.fail("LIMIT", "the padded input has %lld rows or columns", static_cast<long long>(in));
    out.shape[1 + i] = static_cast<int32_t>(size);
    padded.shape[1 + i] = static_cast<int32_t>(in);
  }
  if (!in_bounds(out) || !in_bounds(padded))
    node.fail("LIMIT", "the padded input %s or the output %s is too large",
              to_string(padded.shape).c_str(), to_string(out.shape).c_str());
  return out.shape;
}

Shape infer_transposed(const NodeTypes& node, const TransposedWindow& window) {
  node.require_rank(0, 4);
  Shape out = node.shape(0);
  for (int axis : {0, 1}) {
    const int64_t size = out[1 + axis], kernel = window.kernel[axis];
    const int64_t stride = window.strides[axis], dilation = window.dilations[axis];
    const int64_t before = window.pads[axis], after = window.pads[2 + axis];
    const int64_t added = window.output_padding[axis];
    const char* const name = axis == 0 ? "height" : "width";
    if (size < 1) node.fail("SHAPE", "the input has shape %s", to_string(node.shape(0)).c_str());
    if (kernel < 1 || stride < 1 || dilation < 1)
      node.fail("ATTR", "%s: kernel %d, stride %d and dilation %d must be positive", name,
                window.kernel[axis], window.strides[axis], window.dilations[axis]);
    if (before < 0 || after < 0)
      node.fail("ATTR", "%s: pads %d and %d must not be negative", name, window.pads[axis],
                window.pads[2 + axis]);
    if (added < 0 || added >= std::max(stride, dilation))
      node.fail("ATTR", "%s: output_padding is %d, expected 0 to %lld", name,
                window.output_padding[axis],
                static_cast<long long>(std::max(stride, dilation) - 1));
    const int64_t result =
        (size - 1) * stride + (kernel - 1) * dilation + 1 + added - before - after;
    if (result < 1) node.fail("ATTR", "%s: the pads leave nothing of the output", name);
    out[1 + axis] = node.output_dim(result);
  }
  return out;
}

Shape infer_matrix(const NodeTypes& node) {
  node.require_rank(1, 2);
  Shape out = node.shape(0);
  const Shape& w = node.shape(1);
  if (out.rank < 1 || out[out.rank - 1] != w[1])
    node.fail("SHAPE", "input 0 has shape %s, expected %d in its last dimension",
              to_string(out).c_str(), w[1]);
  out[out.rank - 1] = w[0];
  return out;
}

ProductShape conv_shape(const BindContext& context, const ConvWindow& window) {
  const Shape &x = context.input(0)->type.shape, &w = context.input(1)->type.shape;
  const Shape& y = context.output().type.shape;
  ProductShape g;
  g.batch = x[0];
  g.height = x[1];
  g.width = x[2];
  g.channels = x[3];
  g.out_height = y[1];
  g.out_width = y[2];
  g.outputs = w[0];
  g.groups = window.groups;
  for (int i : {0, 1}) {
    g.kernel[i] = w[1 + i];
    g.strides[i] = window.strides[i];
    g.dilations[i] = window.dilations[i];
    g.pads[i] = window.pads[i];
  }
  return g;
}

ProductShape matrix_shape(size_t rows, size_t depth, size_t outputs) {
  ProductShape g;
  g.width = g.out_width = rows;
  g.channels = depth;
  g.outputs = outputs;
  return g;
}

ProductShape matrix_shape(const BindContext& context) {
  const Shape &x = context.input(0)->type.shape, &w = context.input(1)->type.shape;
  return matrix_shape(x.elements(0, x.rank - 1), static_cast<size_t>(w[1]),
                      static_cast<size_t>(w[0]));
}

}  // namespace edgert
