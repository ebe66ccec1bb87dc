#include <memory>

#include "runtime/conv_gemm.h"
#include "runtime/op.h"

namespace edgert {
namespace {

TensorType infer(const NodeTypes& node) {
  node.require_dtype(0, DType::f32);
  node.require_dtype(1, DType::f32);
  node.require_rank(1, 2);
  const Shape &x = node.shape(0), &w = node.shape(1);
  if (x.rank < 1 || x[x.rank - 1] != w[1])
    node.fail("SHAPE", "input 0 has shape %s, expected %d in its last dimension",
              to_string(x).c_str(), w[1]);
  node.require_activation(node.attrs<GemmAttrs>().activation);
  TensorType out = node.input(0);
  out.shape[x.rank - 1] = w[0];
  if (!in_bounds(out))
    node.fail("LIMIT", "the output %s is too large", to_string(out.shape).c_str());
  if (node.has(2)) node.require(2, DType::f32, {w[0]});
  if (node.has(3)) {
    node.require_dtype(3, DType::f32);
    if (node.shape(3) != out.shape)
      node.fail("SHAPE", "the residual has shape %s, expected %s", to_string(node.shape(3)).c_str(),
                to_string(out.shape).c_str());
  }
  return out;
}

Layout weight_layout(const NodeTypes&) { return Layout::k1n16; }

Step bind(const BindContext& context) {
  const Shape &x = context.input(0)->type.shape, &w = context.input(1)->type.shape;
  const Activation activation = context.attrs<GemmAttrs>().activation;
  const float* const panels = reinterpret_cast<const float*>(context.constant(1, Layout::k1n16));
  ConvGeometry g;
  g.width = g.out_width = x.elements(0, x.rank - 1);
  g.channels = w[1];
  g.outputs = w[0];
  const auto conv = std::make_shared<const ConvGemm>(g, context.isa, context.threads);
  const uint32_t in = context.input_index(0), bias = context.input_index(2);
  const uint32_t residual = context.input_index(3), out = context.node.output;
  return {conv->kernel(), conv->scratch_bytes(), 0, [=](const RunContext& run) {
            conv->run({run.tensor<float>(in), panels, run.tensor<float>(bias),
                       run.tensor<float>(residual), run.tensor<float>(out), activation},
                      run.scratch(), run.pool());
          }};
}

}  // namespace

// The output may lie over the residual: each element is read before it is written.
extern const OpDef gemm_op = {infer, bind, 1 << 3, false, weight_layout};

}  // namespace edgert
