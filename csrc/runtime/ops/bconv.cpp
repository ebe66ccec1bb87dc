#include <algorithm>

#include "runtime/product/bits/bits.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  const BConvAttrs& attrs = node.attrs<BConvAttrs>();
  const Shape out = infer_conv(node, ConvWindow(attrs));
  require_bits(node, attrs.channels, attrs.groups, node.shape(1).elements(1, 3));
  if (attrs.pad != 0 && attrs.pad != 1)
    node.fail("ATTR", "the pads hold %d, expected 0 or 1", attrs.pad);
  return infer_bits(node, attrs.activation, out);
}

Form weight_form(const NodeTypes&) { return Form::k1n16; }

Step bind(const BindContext& context) {
  const BConvAttrs& attrs = context.attrs<BConvAttrs>();
  const bool padded = std::any_of(attrs.pads, attrs.pads + 4, [](int32_t pad) { return pad > 0; });
  return bind_bits(context, conv_shape(context, ConvWindow(attrs)),
                   static_cast<size_t>(attrs.channels), padded && attrs.pad == 0, attrs.activation);
}

}  // namespace

extern const OpDef bconv_op = {infer, bind, 1 << 4, false, weight_form, bits_operations};

}  // namespace edgert
