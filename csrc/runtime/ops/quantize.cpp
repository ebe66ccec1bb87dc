#include "kernels/kernel.h"
#include "kernels/quantize_f32/quantize_f32.h"
#include "runtime/quantized.h"
#include "runtime/split.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  const QuantizeAttrs& attrs = node.attrs<QuantizeAttrs>();
  node.require_dtype(0, DType::f32);
  if (attrs.dtype != static_cast<int32_t>(DType::u8) &&
      attrs.dtype != static_cast<int32_t>(DType::i8) &&
      attrs.dtype != static_cast<int32_t>(DType::i16))
    node.fail("ATTR", "the output has type %d, expected uint8, int8 or int16", attrs.dtype);
  const DType dtype = static_cast<DType>(attrs.dtype);
  require_scale(node, attrs.scale, "scale");
  if (attrs.scale == 0) node.fail("ATTR", "scale is 0");
  require_zero(node, attrs.zero, dtype, "zero");
  if (attrs.shift < -255 || attrs.shift > 255)
    node.fail("ATTR", "shift is %d, expected -255 to 255", attrs.shift);
  require_zero(node, attrs.zero + attrs.shift, dtype, "zero + shift");
  return {dtype, node.shape(0)};
}

Step bind(const BindContext& context) {
  const QuantizeAttrs attrs = context.attrs<QuantizeAttrs>();
  const Kernel<QuantizeF32>& kernel = select_kernels(context.isa).quantize_f32;
  const TensorType type = context.output().type;
  const Limits limits = limits_of(type.dtype);
  const size_t n = type.shape.elements(), bytes = dtype_bytes(type.dtype);
  const uint32_t in = context.input_index(0), out = context.output_index();
  return {kernel.name, 0, [=, run_kernel = kernel.run](const RunContext& run) {
            const float* const x = run.tensor<float>(in);
            std::byte* const y = run.tensor<std::byte>(out);
            split_elements(run.pool(), n, sizeof(float) + bytes, [=](size_t first, size_t last) {
              run_kernel({last - first, x + first, type.dtype, y + first * bytes, attrs.scale,
                          static_cast<float>(attrs.shift), attrs.zero, limits.low, limits.high});
            });
          }};
}

}  // namespace

extern const OpDef quantize_op = {infer, bind};

}  // namespace edgert
