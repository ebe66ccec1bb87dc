#include "runtime/conv_gemm_i8.h"
#include "runtime/conv_shape.h"
#include "runtime/quantized.h"

namespace edgert {
namespace {

TensorType infer(const NodeTypes& node) {
  const QConvAttrs& attrs = node.attrs<QConvAttrs>();
  node.require_dtype(0, DType::u8);
  node.require_dtype(1, DType::i8);
  require_zero(node, attrs.x_zero, DType::u8, "x_zero");
  return infer_accumulator(node, attrs, infer_conv(node, ConvWindow(attrs)));
}

Layout layout_for(const QConvAttrs& attrs, const Shape& x, const Shape& w) {
  if (is_depthwise(ConvWindow(attrs), x, w)) return Layout::kn;
  return attrs.groups == 1 || w[0] / attrs.groups % kPanelOutputs == 0 ? Layout::k4n16
                                                                       : Layout::row;
}

Layout weight_layout(const NodeTypes& node) {
  return layout_for(node.attrs<QConvAttrs>(), node.shape(0), node.shape(1));
}

Step bind_depthwise(const BindContext& context, const ConvGeometry&) {
  context.fail("TODO", "no kernel yet");
}

Step bind(const BindContext& context) {
  const QConvAttrs& attrs = context.attrs<QConvAttrs>();
  const ConvWindow window(attrs);
  const Shape &x = context.input(0)->type.shape, &w = context.input(1)->type.shape;
  const ConvGeometry geometry = conv_geometry(window, x, w, context.output().type.shape);
  if (is_depthwise(window, x, w)) return bind_depthwise(context, geometry);
  context.constant(1, layout_for(attrs, x, w));
  return bind_gemm_i8(context, geometry, static_cast<uint8_t>(attrs.x_zero),
                      accumulator_output(attrs));
}

}  // namespace

extern const OpDef qconv_op = {infer, bind, 1 << 4, false, weight_layout};

}  // namespace edgert
