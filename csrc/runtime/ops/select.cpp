#include "kernels/kernel.h"
#include "kernels/select_f32/select_f32.h"
#include "runtime/movers/elementwise.h"
#include "runtime/op.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  node.require_dtype(0, DType::boolean);
  const DType dtype = node.input(1).dtype;
  node.require_dtype(2, dtype);
  if (node.attrs<EmptyAttrs>().reserved != 0)
    node.fail("ATTR", "reserved is %d, expected 0", node.attrs<EmptyAttrs>().reserved);
  return {dtype, broadcast_shape(node)};
}

// Of elements with as many bytes as T.
template <typename T>
Step bind_bytes(const BindContext& context) {
  return bind_elementwise<T, bool, T, T>(context, [](bool c, T a, T b) { return c ? a : b; });
}

Step bind_words(const BindContext& context) {
  const Broadcast<3> shape(context);
  const Kernel<SelectF32>& kernel = select_kernels(context.isa).select_f32;
  const uint32_t in_c = context.input_index(0), out = context.output_index();
  const uint32_t in_a = context.input_index(1), in_b = context.input_index(2);
  return {kernel.name, 0, [=, run_kernel = kernel.run](const RunContext& run) {
            const uint8_t* const c = run.tensor<uint8_t>(in_c);
            const float* const a = run.tensor<float>(in_a);
            const float* const b = run.tensor<float>(in_b);
            float* const y = run.tensor<float>(out);
            split_broadcast(run.pool(), shape, 3 * sizeof(float) + 1,
                            [=](size_t at, size_t rows, size_t columns, const auto& from) {
                              run_kernel({rows,
                                          columns,
                                          {c + from[0].offset, from[0].row, from[0].column},
                                          {a + from[1].offset, from[1].row, from[1].column},
                                          {b + from[2].offset, from[2].row, from[2].column},
                                          y + at});
                            });
          }};
}

Step bind(const BindContext& context) {
  switch (dtype_bytes(context.output().type.dtype)) {
    case 8:
      return bind_bytes<uint64_t>(context);
    case 4:
      return bind_words(context);
    case 2:
      return bind_bytes<uint16_t>(context);
    default:
      return bind_bytes<uint8_t>(context);
  }
}

}  // namespace

extern const OpDef select_op = {infer, bind, 0b110};

}  // namespace edgert
