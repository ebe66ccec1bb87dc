#include <algorithm>

#include "kernels/kernel.h"
#include "kernels/softmax_f32/softmax_f32.h"
#include "runtime/op.h"
#include "runtime/split.h"

namespace edgert {
namespace {

constexpr size_t kBlock = 64;  // columns: threads rarely meet in a cache line
constexpr size_t kElementBytes = 16 * sizeof(float);  // what an exponential takes as long as

OutputTypes infer(const NodeTypes& node) {
  const SoftmaxAttrs& attrs = node.attrs<SoftmaxAttrs>();
  node.require_dtype(0, DType::f32);
  if (attrs.axis < 0 || attrs.axis >= node.shape(0).rank)
    node.fail("ATTR", "axis is %d, input 0 has shape %s", attrs.axis,
              to_string(node.shape(0)).c_str());
  if (attrs.log != 0 && attrs.log != 1) node.fail("ATTR", "log is %d, expected 0 or 1", attrs.log);
  return node.input(0);
}

Step bind(const BindContext& context) {
  const SoftmaxAttrs attrs = context.attrs<SoftmaxAttrs>();
  const Shape& shape = context.output().type.shape;
  const size_t outer = shape.elements(0, attrs.axis);
  const size_t count = static_cast<size_t>(shape[attrs.axis]);
  const size_t inner = shape.elements(attrs.axis + 1, shape.rank);
  const size_t blocks = (inner + kBlock - 1) / kBlock;
  const Kernel<SoftmaxF32>& kernel = select_kernels(context.isa).softmax_f32;
  const uint32_t in = context.input_index(0), out = context.output_index();
  return {kernel.name, 0, [=, run_kernel = kernel.run](const RunContext& run) {
            const float* const x = run.tensor<float>(in);
            float* const y = run.tensor<float>(out);
            if (count == 0) return;
            const size_t bytes = kElementBytes * count;
            if (blocks == 1) {
              split(run.pool(), outer, bytes * inner, [=](size_t first, size_t last) {
                const size_t at = first * count * inner;
                run_kernel({last - first, count, inner, x + at, y + at, inner, attrs.log != 0});
              });
            } else {
              split(run.pool(), outer * blocks, bytes * kBlock, [=](size_t first, size_t last) {
                for (size_t i = first; i < last; ++i) {
                  const size_t column = i % blocks * kBlock;
                  const size_t at = i / blocks * count * inner + column;
                  run_kernel({1, count, std::min(kBlock, inner - column), x + at, y + at, inner,
                              attrs.log != 0});
                }
              });
            }
          }};
}

}  // namespace

extern const OpDef softmax_op = {infer, bind, 1};

}  // namespace edgert
