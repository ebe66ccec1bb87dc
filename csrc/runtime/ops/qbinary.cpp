#include "kernels/binary_int/binary_int.h"
#include "kernels/kernel.h"
#include "runtime/movers/broadcast.h"
#include "runtime/quantized.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  const QBinaryAttrs& attrs = node.attrs<QBinaryAttrs>();
  const DType dtype = node.input(0).dtype;
  if (dtype != DType::i16) node.require_dtype(0, DType::u8);
  node.require_dtype(1, dtype);
  if (attrs.fn != static_cast<int32_t>(BinaryFn::add) &&
      attrs.fn != static_cast<int32_t>(BinaryFn::mul))
    node.fail("ATTR", "function %d, expected add or mul", attrs.fn);
  if (attrs.shifted < 0 || attrs.shifted > (dtype == DType::u8 ? 1 : 0))
    node.fail("ATTR", "shifted is %d, expected 0, or 1 for uint8", attrs.shifted);
  if (!attrs.shifted && attrs.shift != 0)
    node.fail("ATTR", "shift is %g, expected 0 unless shifted is 1", attrs.shift);
  require_zero(node, attrs.a_zero, dtype, "a_zero");
  require_zero(node, attrs.b_zero, dtype, "b_zero");
  // A difference is a sum with a negative scale.
  require_scale(node, attrs.a_scale < 0 ? -attrs.a_scale : attrs.a_scale, "a_scale");
  require_scale(node, attrs.b_scale < 0 ? -attrs.b_scale : attrs.b_scale, "b_scale");
  require_scale(node, attrs.shift < 0 ? -attrs.shift : attrs.shift, "shift");
  // Kernels of bytes write no more than bytes or floats.
  if (dtype == DType::u8 && attrs.output.dtype == static_cast<int32_t>(DType::i16))
    node.fail("ATTR", "the output of uint8 operands is int16");
  return infer_requantize(node, attrs.output, broadcast_shape(node));
}

Step bind(const BindContext& context) {
  const QBinaryAttrs attrs = context.attrs<QBinaryAttrs>();
  const TensorType& type = context.output().type;
  const Broadcast<2> shape(context);
  const Kernel<BinaryInt>& kernel = select_kernels(context.isa).binary_int;
  const size_t bytes = dtype_bytes(type.dtype);
  const DType dtype = context.input(0)->type.dtype;
  const size_t element = dtype_bytes(dtype);  // of an operand
  const uint32_t in_a = context.input_index(0), in_b = context.input_index(1);
  const uint32_t out = context.output_index();
  return {kernel.name, 0, [=, run_kernel = kernel.run](const RunContext& run) {
            const uint8_t* const a = run.tensor<uint8_t>(in_a);
            const uint8_t* const b = run.tensor<uint8_t>(in_b);
            std::byte* const y = run.tensor<std::byte>(out);
            split_broadcast(run.pool(), shape, 2 * element + bytes,
                            [=](size_t at, size_t rows, size_t columns, const auto& from) {
                              run_kernel({static_cast<BinaryFn>(attrs.fn),
                                          attrs.shifted != 0,
                                          dtype,
                                          rows,
                                          columns,
                                          {a + from[0].offset * element, from[0].row,
                                           from[0].column, attrs.a_zero, attrs.a_scale},
                                          {b + from[1].offset * element, from[1].row,
                                           from[1].column, attrs.b_zero, attrs.b_scale},
                                          attrs.shift,
                                          y + at * bytes,
                                          attrs.output});
                            });
          }};
}

}  // namespace

extern const OpDef qbinary_op = {infer, bind, 3};

}  // namespace edgert
