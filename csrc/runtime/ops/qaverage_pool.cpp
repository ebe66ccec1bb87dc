#include "runtime/quantized.h"
#include "runtime/windows/pool.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  const QPoolAttrs& attrs = node.attrs<QPoolAttrs>();
  const DType dtype = node.input(0).dtype;
  if (dtype != DType::i16) node.require_dtype(0, DType::u8);
  require_zero(node, attrs.x_zero, dtype, "x_zero");
  require_scale(node, attrs.x_scale, "x_scale");
  if (dtype == DType::u8 && attrs.output.dtype == static_cast<int32_t>(DType::i16))
    node.fail("ATTR", "the output of a uint8 operand is int16");
  return infer_requantize(node, attrs.output, infer_windows(node, attrs.pool));
}

}  // namespace

extern const OpDef qaverage_pool_op = {infer,   bind_average_pool_int,        0, false,
                                       nullptr, window_operations<QPoolAttrs>};

}  // namespace edgert
