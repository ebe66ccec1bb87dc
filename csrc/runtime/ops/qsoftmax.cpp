#include "kernels/kernel.h"
#include "kernels/softmax_u8/softmax_u8.h"
#include "runtime/quantized.h"
#include "runtime/split.h"

namespace edgert {
namespace {

constexpr int32_t kMaxEntry = 1 << 23;
constexpr size_t kElementBytes = 8;  // what looking one up takes as long as

OutputTypes infer(const NodeTypes& node) {
  const QuantizeAttrs& attrs = node.attrs<QuantizeAttrs>();
  node.require_dtype(0, DType::u8);
  if (node.shape(0).rank == 0)
    node.fail("SHAPE", "input 0 is a scalar, expected at least one axis");
  node.require(1, DType::i32, {256});
  if (attrs.dtype != static_cast<int32_t>(DType::u8))
    node.fail("ATTR", "the output has type %d, expected uint8", attrs.dtype);
  require_scale(node, attrs.scale, "scale");
  if (attrs.scale == 0) node.fail("ATTR", "scale is 0");
  require_zero(node, attrs.zero, DType::u8, "zero");
  if (attrs.shift != 0) node.fail("ATTR", "shift is %d, expected 0", attrs.shift);
  return node.input(0);
}

void check_table(const BindContext& context, const int32_t* table) {
  for (int i = 0; i < 256; ++i) {
    const int32_t least = i == 255 ? 1 : 0;
    if (table[i] < least || table[i] > kMaxEntry)
      context.fail("TABLE", "entry %d of the table is %d, expected %d to %d", i, table[i], least,
                   kMaxEntry);
  }
}

Step bind(const BindContext& context) {
  const QuantizeAttrs attrs = context.attrs<QuantizeAttrs>();
  const Shape& shape = context.output().type.shape;
  const size_t rows = shape.elements(0, shape.rank - 1);
  const size_t columns = static_cast<size_t>(shape[shape.rank - 1]);
  const float levels = 1.0f / attrs.scale;
  check_table(context, reinterpret_cast<const int32_t*>(context.constant(1, Form::row)));
  const Kernel<SoftmaxU8>& kernel = select_kernels(context.isa).softmax_u8;
  const uint32_t in = context.input_index(0), in_table = context.input_index(1);
  const uint32_t out = context.output_index();
  return {kernel.name, 0, [=, run_kernel = kernel.run](const RunContext& run) {
            const uint8_t* const x = run.tensor<uint8_t>(in);
            const int32_t* const table = run.tensor<int32_t>(in_table);
            uint8_t* const y = run.tensor<uint8_t>(out);
            split(run.pool(), rows, kElementBytes * columns, [=](size_t first, size_t last) {
              const size_t at = first * columns;
              run_kernel({last - first, columns, x + at, table, levels, attrs.zero, y + at});
            });
          }};
}

}  // namespace

extern const OpDef qsoftmax_op = {infer, bind, 1};

}  // namespace edgert
