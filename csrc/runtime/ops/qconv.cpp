#include "runtime/product/bind.h"
#include "runtime/quantized.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  const QConvAttrs& attrs = node.attrs<QConvAttrs>();
  const Shape out = infer_conv(node, ConvWindow(attrs));
  require_factors(node, node.shape(1).elements(1, 4), attrs.x_zero);
  return infer_accumulator(node, attrs, out);
}

Form weight_form(const NodeTypes& node) {
  return conv_form(node, ConvWindow(node.attrs<QConvAttrs>()));
}

bool reads_form(const NodeTypes& node, Form form) {
  return reads_sparse_weights(node, form, node.attrs<QConvAttrs>().groups);
}

Step bind(const BindContext& context) {
  const QConvAttrs& attrs = context.attrs<QConvAttrs>();
  context.constant(1, context.input(1)->form);
  return bind_product_sums(context, conv_shape(context, ConvWindow(attrs)),
                           static_cast<uint8_t>(attrs.x_zero), accumulator_output(attrs));
}

}  // namespace

extern const OpDef qconv_op = {infer,     bind, 1 << 4, false, weight_form, product_operations,
                               reads_form};

}  // namespace edgert
