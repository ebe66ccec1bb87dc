#include "runtime/conv_gemm_i8.h"
#include "runtime/quantized.h"

namespace edgert {
namespace {

TensorType infer(const NodeTypes& node) {
  const QGemmAttrs& attrs = node.attrs<QGemmAttrs>();
  node.require_dtype(0, DType::u8);
  node.require_dtype(1, DType::i8);
  node.require_rank(1, 2);
  Shape out = node.shape(0);
  const Shape& w = node.shape(1);
  if (out.rank < 1 || out[out.rank - 1] != w[1])
    node.fail("SHAPE", "input 0 has shape %s, expected %d in its last dimension",
              to_string(out).c_str(), w[1]);
  out[out.rank - 1] = w[0];
  return infer_accumulator(node, attrs, out);
}

Layout weight_layout(const NodeTypes&) { return Layout::k4n16; }

Step bind(const BindContext& context) {
  const Shape &x = context.input(0)->type.shape, &w = context.input(1)->type.shape;
  context.constant(1, Layout::k4n16);
  ConvGeometry geometry;
  geometry.width = geometry.out_width = x.elements(0, x.rank - 1);
  geometry.channels = static_cast<size_t>(w[1]);
  geometry.outputs = static_cast<size_t>(w[0]);
  return bind_gemm_i8(context, geometry, 0, accumulator_output(context.attrs<QGemmAttrs>()));
}

}  // namespace

extern const OpDef qgemm_op = {infer, bind, 1 << 4, false, weight_layout};

}  // namespace edgert
