#include "runtime/broadcast.h"
#include "runtime/quantized.h"

namespace edgert {
namespace {

TensorType infer(const NodeTypes& node) {
  const QBinaryAttrs& attrs = node.attrs<QBinaryAttrs>();
  node.require_dtype(0, DType::u8);
  node.require_dtype(1, DType::u8);
  if (attrs.fn != static_cast<int32_t>(BinaryFn::add) &&
      attrs.fn != static_cast<int32_t>(BinaryFn::mul))
    node.fail("ATTR", "function %d, expected add or mul", attrs.fn);
  require_zero(node, attrs.a_zero, DType::u8, "a_zero");
  require_zero(node, attrs.b_zero, DType::u8, "b_zero");
  // A difference is a sum with a negative scale.
  require_scale(node, attrs.a_scale < 0 ? -attrs.a_scale : attrs.a_scale, "a_scale");
  require_scale(node, attrs.b_scale < 0 ? -attrs.b_scale : attrs.b_scale, "b_scale");
  return infer_requantize(node, attrs.output, broadcast_shape(node));
}

Step bind(const BindContext& context) { context.fail("TODO", "no kernel yet"); }

}  // namespace

extern const OpDef qbinary_op = {infer, bind, 3};

}  // namespace edgert
