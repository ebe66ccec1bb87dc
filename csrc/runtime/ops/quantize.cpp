#include "runtime/quantized.h"

namespace edgert {
namespace {

TensorType infer(const NodeTypes& node) {
  const QuantizeAttrs& attrs = node.attrs<QuantizeAttrs>();
  node.require_dtype(0, DType::f32);
  if (attrs.dtype != static_cast<int32_t>(DType::u8) &&
      attrs.dtype != static_cast<int32_t>(DType::i8))
    node.fail("ATTR", "the output has type %d, expected uint8 or int8", attrs.dtype);
  const DType dtype = static_cast<DType>(attrs.dtype);
  require_scale(node, attrs.scale, "scale");
  if (attrs.scale == 0) node.fail("ATTR", "scale is 0");
  require_zero(node, attrs.zero, dtype, "zero");
  return {dtype, node.shape(0)};
}

Step bind(const BindContext& context) { context.fail("TODO", "no kernel yet"); }

}  // namespace

extern const OpDef quantize_op = {infer, bind};

}  // namespace edgert
