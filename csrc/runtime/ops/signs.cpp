#include "kernels/kernel.h"
#include "kernels/signs_f32/signs_f32.h"
#include "runtime/op.h"
#include "runtime/split.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  const SignsAttrs& attrs = node.attrs<SignsAttrs>();
  node.require_dtype(0, DType::f32);
  Shape shape = node.shape(0);
  if (shape.rank == 0) node.fail("SHAPE", "input 0 is a scalar, expected at least one axis");
  for (int32_t sign : {attrs.zero, attrs.nan})
    if (sign != 1 && sign != -1)
      node.fail("ATTR", "the sign of a zero or NaN is %d, expected 1 or -1", sign);
  int32_t& last = shape[shape.rank - 1];
  last = static_cast<int32_t>((int64_t{last} + 7) / 8);
  return {DType::u8, shape};
}

Step bind(const BindContext& context) {
  const SignsAttrs attrs = context.attrs<SignsAttrs>();
  const Shape& shape = context.input(0)->type.shape;
  const size_t rows = shape.elements(0, shape.rank - 1);
  const size_t columns = static_cast<size_t>(shape[shape.rank - 1]);
  const size_t bytes = ceil_div(columns, 8);
  const Kernel<SignsF32>& kernel = select_kernels(context.isa).signs_f32;
  const uint32_t in = context.input_index(0), out = context.output_index();
  return {kernel.name, 0, [=, run_kernel = kernel.run](const RunContext& run) {
            const float* const x = run.tensor<float>(in);
            uint8_t* const y = run.tensor<uint8_t>(out);
            split(run.pool(), rows, sizeof(float) * columns + bytes,
                  [=](size_t first, size_t last) {
                    run_kernel({last - first, columns, x + first * columns, y + first * bytes,
                                attrs.zero, attrs.nan});
                  });
          }};
}

}  // namespace

extern const OpDef signs_op = {infer, bind};

}  // namespace edgert
