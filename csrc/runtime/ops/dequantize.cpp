#include "kernels/dequantize_f32/dequantize_f32.h"
#include "kernels/kernel.h"
#include "runtime/quantized.h"
#include "runtime/split.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  const QuantizeAttrs& attrs = node.attrs<QuantizeAttrs>();
  const DType dtype = node.input(0).dtype;
  if (dtype != DType::u8 && dtype != DType::i8 && dtype != DType::i16 && dtype != DType::i32)
    node.fail("DTYPE", "input 0 is %s, expected uint8, int8, int16 or int32", dtype_name(dtype));
  if (attrs.dtype != static_cast<int32_t>(DType::f32))
    node.fail("ATTR", "the output has type %d, expected float32", attrs.dtype);
  require_scale(node, attrs.scale, "scale");
  if (dtype != DType::i32)
    require_zero(node, attrs.zero, dtype, "zero");
  else if (attrs.zero != 0)
    node.fail("ATTR", "zero is %d, expected 0 for int32", attrs.zero);
  if (attrs.shift != 0) node.fail("ATTR", "shift is %d, expected 0", attrs.shift);
  const TensorType out{DType::f32, node.shape(0)};
  if (!in_bounds(out))
    node.fail("LIMIT", "the output %s is too large", to_string(out.shape).c_str());
  return out;
}

Step bind(const BindContext& context) {
  const QuantizeAttrs attrs = context.attrs<QuantizeAttrs>();
  const Kernel<DequantizeF32>& kernel = select_kernels(context.isa).dequantize_f32;
  const TensorType& type = context.input(0)->type;
  const DType dtype = type.dtype;
  const size_t n = type.shape.elements(), bytes = dtype_bytes(dtype);
  const uint32_t in = context.input_index(0), out = context.output_index();
  return {
      kernel.name, 0, [=, run_kernel = kernel.run](const RunContext& run) {
        const std::byte* const x = run.tensor<std::byte>(in);
        float* const y = run.tensor<float>(out);
        split_elements(run.pool(), n, bytes + sizeof(float), [=](size_t first, size_t last) {
          run_kernel({last - first, dtype, x + first * bytes, y + first, attrs.scale, attrs.zero});
        });
      }};
}

}  // namespace

extern const OpDef dequantize_op = {infer, bind};

}  // namespace edgert
