#include "runtime/pool.h"
#include "runtime/quantized.h"

namespace edgert {
namespace {

TensorType infer(const NodeTypes& node) {
  const QPoolAttrs& attrs = node.attrs<QPoolAttrs>();
  node.require_dtype(0, DType::u8);
  require_zero(node, attrs.x_zero, DType::u8, "x_zero");
  require_scale(node, attrs.x_scale, "x_scale");
  return infer_requantize(node, attrs.output, infer_windows(node, attrs.pool));
}

}  // namespace

extern const OpDef qaverage_pool_op = {infer, bind_average_pool_u8};

}  // namespace edgert
