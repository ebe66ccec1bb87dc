#include "kernels/kernel.h"
#include "kernels/layer_norm_f32/layer_norm_f32.h"
#include "runtime/op.h"
#include "runtime/split.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  const float epsilon = node.attrs<LayerNormAttrs>().epsilon;
  if (!(epsilon >= 0)) node.fail("ATTR", "epsilon is %g, expected at least 0", epsilon);
  node.require_dtype(0, DType::f32);
  const Shape& x = node.shape(0);
  if (x.rank == 0) node.fail("SHAPE", "input 0 is a scalar, expected at least one axis");
  for (int i = 1; i <= 2; ++i) node.require(i, DType::f32, {x[x.rank - 1]});
  return node.input(0);
}

Step bind(const BindContext& context) {
  const Shape& shape = context.output().type.shape;
  const size_t rows = shape.elements(0, shape.rank - 1);
  const size_t columns = static_cast<size_t>(shape[shape.rank - 1]);
  const float epsilon = context.attrs<LayerNormAttrs>().epsilon;
  const Kernel<LayerNormF32>& kernel = select_kernels(context.isa).layer_norm_f32;
  const uint32_t in = context.input_index(0), out = context.output_index();
  const uint32_t in_scale = context.input_index(1), in_shift = context.input_index(2);
  return {kernel.name, 0, [=, run_kernel = kernel.run](const RunContext& run) {
            const float* const x = run.tensor<float>(in);
            const float* const scale = run.tensor<float>(in_scale);
            const float* const shift = run.tensor<float>(in_shift);
            float* const y = run.tensor<float>(out);
            split(run.pool(), rows, 4 * sizeof(float) * columns, [=](size_t first, size_t last) {
              const size_t at = first * columns;
              run_kernel({last - first, columns, x + at, scale, shift, epsilon, y + at});
            });
          }};
}

}  // namespace

extern const OpDef layer_norm_op = {infer, bind, 1};

}  // namespace edgert
