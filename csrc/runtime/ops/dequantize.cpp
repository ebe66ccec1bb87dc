#include "runtime/quantized.h"

namespace edgert {
namespace {

TensorType infer(const NodeTypes& node) {
  const QuantizeAttrs& attrs = node.attrs<QuantizeAttrs>();
  const DType dtype = node.input(0).dtype;
  if (dtype != DType::u8 && dtype != DType::i8 && dtype != DType::i32)
    node.fail("DTYPE", "input 0 is %s, expected uint8, int8 or int32", dtype_name(dtype));
  if (attrs.dtype != static_cast<int32_t>(DType::f32))
    node.fail("ATTR", "the output has type %d, expected float32", attrs.dtype);
  require_scale(node, attrs.scale, "scale");
  if (dtype != DType::i32)
    require_zero(node, attrs.zero, dtype, "zero");
  else if (attrs.zero != 0)
    node.fail("ATTR", "zero is %d, expected 0 for int32", attrs.zero);
  const TensorType out{DType::f32, node.shape(0)};
  if (!in_bounds(out))
    node.fail("LIMIT", "the output %s is too large", to_string(out.shape).c_str());
  return out;
}

Step bind(const BindContext& context) { context.fail("TODO", "no kernel yet"); }

}  // namespace

extern const OpDef dequantize_op = {infer, bind};

}  // namespace edgert
