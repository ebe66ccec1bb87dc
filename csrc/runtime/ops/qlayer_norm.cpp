#include <cmath>

#include "kernels/kernel.h"
#include "kernels/layer_norm_u8/layer_norm_u8.h"
#include "runtime/quantized.h"
#include "runtime/split.h"

namespace edgert {
namespace {

constexpr size_t kElementBytes = 8;  // what normalising one takes as long as

OutputTypes infer(const NodeTypes& node) {
  const QLayerNormAttrs& attrs = node.attrs<QLayerNormAttrs>();
  if (!(attrs.epsilon >= 0 && std::isfinite(attrs.epsilon)))
    node.fail("ATTR", "epsilon is %g, expected a finite number, at least 0", attrs.epsilon);
  require_zero(node, attrs.zero, DType::u8, "zero");
  node.require_dtype(0, DType::u8);
  const Shape& x = node.shape(0);
  if (x.rank == 0) node.fail("SHAPE", "input 0 is a scalar, expected at least one axis");
  const int32_t columns = x[x.rank - 1];
  if (static_cast<size_t>(columns) > kMaxLayerNormColumns)
    node.fail("LIMIT", "rows of %d elements, expected at most %zu", columns, kMaxLayerNormColumns);
  for (int i = 1; i <= 2; ++i) node.require(i, DType::f32, {columns});
  return node.input(0);
}

Step bind(const BindContext& context) {
  const QLayerNormAttrs attrs = context.attrs<QLayerNormAttrs>();
  const Shape& shape = context.output().type.shape;
  const size_t rows = shape.elements(0, shape.rank - 1);
  const size_t columns = static_cast<size_t>(shape[shape.rank - 1]);
  const Kernel<LayerNormU8>& kernel = select_kernels(context.isa).layer_norm_u8;
  const uint32_t in = context.input_index(0), out = context.output_index();
  const uint32_t in_scale = context.input_index(1), in_shift = context.input_index(2);
  return {kernel.name, 0, [=, run_kernel = kernel.run](const RunContext& run) {
            const uint8_t* const x = run.tensor<uint8_t>(in);
            const float* const scale = run.tensor<float>(in_scale);
            const float* const shift = run.tensor<float>(in_shift);
            uint8_t* const y = run.tensor<uint8_t>(out);
            split(run.pool(), rows, kElementBytes * columns, [=](size_t first, size_t last) {
              const size_t at = first * columns;
              run_kernel(
                  {last - first, columns, x + at, scale, shift, attrs.epsilon, attrs.zero, y + at});
            });
          }};
}

}  // namespace

extern const OpDef qlayer_norm_op = {infer, bind, 1};

}  // namespace edgert
