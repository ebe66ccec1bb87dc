#include <algorithm>

#include "kernels/kernel.h"
#include "kernels/lrn_f32/lrn_f32.h"
#include "runtime/op.h"
#include "runtime/split.h"

namespace edgert {
namespace {

constexpr size_t kElementBytes = 32 * sizeof(float);  // what a power takes as long as

OutputTypes infer(const NodeTypes& node) {
  const LrnAttrs& attrs = node.attrs<LrnAttrs>();
  node.require_dtype(0, DType::f32);
  if (node.shape(0).rank == 0)
    node.fail("SHAPE", "input 0 is a scalar, expected at least one axis");
  if (attrs.size < 1) node.fail("ATTR", "size is %d, expected at least 1", attrs.size);
  return node.input(0);
}

// Each element is the sum over a window. A sum that runs along the channels would be quicker for
// large windows, but it would round otherwise, and never forget an infinite element.
double operations(const NodeTypes& node, const OutputTypes& outputs) {
  const Shape& shape = node.shape(0);
  return static_cast<double>(outputs[0].shape.elements()) *
         std::min(node.attrs<LrnAttrs>().size, shape[shape.rank - 1]);
}

Step bind(const BindContext& context) {
  const LrnAttrs attrs = context.attrs<LrnAttrs>();
  const Shape& shape = context.output().type.shape;
  const size_t rows = shape.elements(0, shape.rank - 1);
  const size_t columns = static_cast<size_t>(shape[shape.rank - 1]);
  const Kernel<LrnF32>& kernel = select_kernels(context.isa).lrn_f32;
  const uint32_t in = context.input_index(0), out = context.output_index();
  return {kernel.name, 0, [=, run_kernel = kernel.run](const RunContext& run) {
            const float* const x = run.tensor<float>(in);
            float* const y = run.tensor<float>(out);
            split(run.pool(), rows, kElementBytes * columns, [=](size_t first, size_t last) {
              const size_t at = first * columns;
              run_kernel({last - first, columns, x + at, y + at, static_cast<size_t>(attrs.size),
                          attrs.alpha, attrs.beta, attrs.bias});
            });
          }};
}

}  // namespace

extern const OpDef lrn_op = {infer, bind, 0, false, nullptr, operations};

}  // namespace edgert
