#include "runtime/product/dynamic.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  const ConvAttrs& attrs = node.attrs<ConvAttrs>();
  node.require_dtype(0, DType::f32);
  return infer_dynamic(node, attrs.activation, infer_conv(node, ConvWindow(attrs)));
}

Form weight_form(const NodeTypes& node) {
  return stored_form(DType::u8, DType::i8, node.shape(1)[0], node.attrs<ConvAttrs>().groups);
}

Step bind(const BindContext& context) {
  const ConvAttrs& attrs = context.attrs<ConvAttrs>();
  return bind_dynamic(context, conv_shape(context, ConvWindow(attrs)), DynamicSet::kImage,
                      attrs.activation);
}

}  // namespace

// The output may lie over x, which is read as bytes by then, or over the residual.
extern const OpDef dynamic_conv_op = {infer, bind,        1 << 0 | 1 << 4,
                                      false, weight_form, product_operations};

}  // namespace edgert
