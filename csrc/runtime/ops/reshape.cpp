#include "runtime/op.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  const ShapeAttrs& attrs = node.attrs<ShapeAttrs>();
  TensorType out{node.input(0).dtype, node.target_shape(attrs)};
  if (out.shape.elements() != node.shape(0).elements())
    node.fail("SHAPE", "cannot reshape %s to %s", to_string(node.shape(0)).c_str(),
              to_string(out.shape).c_str());
  return out;
}

Step bind(const BindContext&) {
  return {"none", 0, [](const RunContext&) {}};
}

}  // namespace

extern const OpDef reshape_op = {infer, bind, 0, true};

}  // namespace edgert
