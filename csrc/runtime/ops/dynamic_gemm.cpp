#include "runtime/dynamic.h"

namespace edgert {
namespace {

TensorType infer(const NodeTypes& node) {
  node.require_rank(1, 2);
  Shape out = node.shape(0);
  const Shape& w = node.shape(1);
  if (out.rank < 1 || out[out.rank - 1] != w[1])
    node.fail("SHAPE", "input 0 has shape %s, expected %d in its last dimension",
              to_string(out).c_str(), w[1]);
  out[out.rank - 1] = w[0];
  return infer_dynamic(node, node.attrs<GemmAttrs>().activation, out);
}

Layout weight_layout(const NodeTypes&) { return Layout::k4n16; }

Step bind(const BindContext& context) {
  const Shape &x = context.input(0)->type.shape, &w = context.input(1)->type.shape;
  context.constant(1, Layout::k4n16);
  ConvGeometry geometry;
  geometry.width = geometry.out_width = x.elements(0, x.rank - 1);
  geometry.channels = static_cast<size_t>(w[1]);
  geometry.outputs = static_cast<size_t>(w[0]);
  return bind_dynamic(context, geometry, DynamicSet::kRow, context.attrs<GemmAttrs>().activation);
}

}  // namespace

// The output may lie over x, which is read as bytes by then, or over the residual.
extern const OpDef dynamic_gemm_op = {infer, bind, 1 << 0 | 1 << 4, false, weight_layout};

}  // namespace edgert
