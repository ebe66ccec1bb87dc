#include "runtime/windows/pool.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  node.require_dtype(0, DType::f32);
  return {DType::f32, infer_windows(node, node.attrs<PoolAttrs>())};
}

Step bind(const BindContext& context) { return bind_pool_f32(context, true); }

}  // namespace

extern const OpDef average_pool_op = {infer, bind, 0, false, nullptr, window_operations<PoolAttrs>};

}  // namespace edgert
