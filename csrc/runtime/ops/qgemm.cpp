#include "runtime/conv_gemm_i16.h"
#include "runtime/conv_gemm_i8.h"
#include "runtime/quantized.h"

namespace edgert {
namespace {

TensorType infer(const NodeTypes& node) {
  const QGemmAttrs& attrs = node.attrs<QGemmAttrs>();
  node.require_rank(1, 2);
  require_factors(node, static_cast<uint64_t>(node.shape(1)[1]), 0);
  Shape out = node.shape(0);
  const Shape& w = node.shape(1);
  if (out.rank < 1 || out[out.rank - 1] != w[1])
    node.fail("SHAPE", "input 0 has shape %s, expected %d in its last dimension",
              to_string(out).c_str(), w[1]);
  out[out.rank - 1] = w[0];
  return infer_accumulator(node, attrs, out);
}

Layout layout_for(DType x, DType w) {
  if (x == DType::u8) return Layout::k4n16;
  return w == DType::i16 ? Layout::k2n16 : Layout::row;
}

Layout weight_layout(const NodeTypes& node) {
  return layout_for(node.input(0).dtype, node.input(1).dtype);
}

Step bind(const BindContext& context) {
  const Shape &x = context.input(0)->type.shape, &w = context.input(1)->type.shape;
  const DType dtype = context.input(0)->type.dtype;
  context.constant(1, layout_for(dtype, context.input(1)->type.dtype));
  ConvGeometry geometry;
  geometry.width = geometry.out_width = x.elements(0, x.rank - 1);
  geometry.channels = static_cast<size_t>(w[1]);
  geometry.outputs = static_cast<size_t>(w[0]);
  const AccumulatorOutput out = accumulator_output(context.attrs<QGemmAttrs>());
  return dtype == DType::i16 ? bind_gemm_i16(context, geometry, out)
                             : bind_gemm_i8(context, geometry, 0, out);
}

}  // namespace

extern const OpDef qgemm_op = {infer, bind, 1 << 4, false, weight_layout};

}  // namespace edgert
