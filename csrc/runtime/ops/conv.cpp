#include "runtime/product/bind.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  const ConvAttrs& attrs = node.attrs<ConvAttrs>();
  for (int i : {0, 1}) node.require_dtype(i, DType::f32);
  const Shape out = infer_conv(node, ConvWindow(attrs));
  node.require_activation(attrs.activation);
  if (node.has(2)) node.require(2, DType::f32, {out[3]});
  if (node.has(3)) node.require(3, DType::f32, {out[0], out[1], out[2], out[3]});
  return {DType::f32, out};
}

Form weight_form(const NodeTypes& node) {
  return conv_form(node, ConvWindow(node.attrs<ConvAttrs>()));
}

bool reads_form(const NodeTypes& node, Form form) {
  return reads_sparse_weights(node, form, node.attrs<ConvAttrs>().groups);
}

Step bind(const BindContext& context) {
  const ConvAttrs& attrs = context.attrs<ConvAttrs>();
  return bind_product_f32(context, conv_shape(context, ConvWindow(attrs)), attrs.activation);
}

}  // namespace

// The output may lie over the residual: each element is read before it is written.
extern const OpDef conv_op = {infer,     bind, 1 << 3, false, weight_form, product_operations,
                              reads_form};

}  // namespace edgert
