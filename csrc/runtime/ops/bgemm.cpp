#include "runtime/product/bits/bits.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  const BGemmAttrs& attrs = node.attrs<BGemmAttrs>();
  const Shape out = infer_matrix(node);
  require_bits(node, attrs.channels, 1, 1);
  return infer_bits(node, attrs.activation, out);
}

Form weight_form(const NodeTypes&) { return Form::k1n16; }

Step bind(const BindContext& context) {
  const BGemmAttrs& attrs = context.attrs<BGemmAttrs>();
  return bind_bits(context, matrix_shape(context), static_cast<size_t>(attrs.channels), false,
                   attrs.activation);
}

}  // namespace

extern const OpDef bgemm_op = {infer, bind, 1 << 4, false, weight_form, bits_operations};

}  // namespace edgert
