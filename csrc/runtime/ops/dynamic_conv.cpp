#include "runtime/conv_shape.h"
#include "runtime/dynamic.h"

namespace edgert {
namespace {

TensorType infer(const NodeTypes& node) {
  const ConvAttrs& attrs = node.attrs<ConvAttrs>();
  node.require_dtype(0, DType::f32);
  return infer_dynamic(node, attrs.activation, infer_conv(node, ConvWindow(attrs)));
}

Layout layout_for(const ConvAttrs& attrs, const Shape& w) {
  return attrs.groups == 1 || w[0] / attrs.groups % kPanelOutputs == 0 ? Layout::k4n16
                                                                       : Layout::row;
}

Layout weight_layout(const NodeTypes& node) {
  return layout_for(node.attrs<ConvAttrs>(), node.shape(1));
}

Step bind(const BindContext& context) {
  const ConvAttrs& attrs = context.attrs<ConvAttrs>();
  const Shape &x = context.input(0)->type.shape, &w = context.input(1)->type.shape;
  context.constant(1, layout_for(attrs, w));
  const ConvGeometry geometry = conv_geometry(ConvWindow(attrs), x, w, context.output().type.shape);
  return bind_dynamic(context, geometry, DynamicSet::kImage, attrs.activation);
}

}  // namespace

// The output may lie over x, which is read as bytes by then, or over the residual.
extern const OpDef dynamic_conv_op = {infer, bind, 1 << 0 | 1 << 4, false, weight_layout};

}  // namespace edgert
