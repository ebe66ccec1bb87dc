#include "runtime/quantized.h"

#include <cmath>

namespace edgert {

void require_scale(const NodeTypes& node, float scale, const char* name) {
  if (!(scale >= 0 && scale <= kMaxScale))
    node.fail("ATTR", "%s is %g, expected 0 to 2^40", name, scale);
}

void require_zero(const NodeTypes& node, int32_t zero, DType dtype, const char* name) {
  const int32_t low = dtype == DType::i8 ? -128 : 0, high = dtype == DType::i8 ? 127 : 255;
  if (zero < low || zero > high)
    node.fail("ATTR", "%s is %d, expected %d to %d", name, zero, low, high);
}

TensorType infer_requantize(const NodeTypes& node, const Requantize& output, const Shape& shape) {
  const DType dtype = static_cast<DType>(output.dtype);
  if (output.dtype == static_cast<int32_t>(DType::f32)) {
    if (output.zero != 0 || output.low != 0 || output.high != 0)
      node.fail("ATTR", "zero, low and high of a float32 output are %d, %d and %d, expected 0",
                output.zero, output.low, output.high);
  } else if (output.dtype == static_cast<int32_t>(DType::u8)) {
    require_zero(node, output.zero, DType::u8, "the zero point of the output");
    if (output.low < 0 || output.high > 255 || output.low > output.high)
      node.fail("ATTR", "the output is clamped to %d .. %d, expected a part of 0 .. 255",
                output.low, output.high);
  } else {
    node.fail("ATTR", "the output has type %d, expected uint8 or float32", output.dtype);
  }
  require_scale(node, output.scale, "the scale of the output");
  node.require_activation(output.activation);
  const TensorType type{dtype, shape};
  if (!in_bounds(type)) node.fail("LIMIT", "the output %s is too large", to_string(shape).c_str());
  return type;
}

bool has_small_results(const BindContext& context, size_t depth) {
  const Tensor &bias = *context.input(2), &multiplier = *context.input(3);
  if (bias.data == nullptr || multiplier.data == nullptr) return false;
  const int32_t* const b = reinterpret_cast<const int32_t*>(bias.data);
  const float* const m = reinterpret_cast<const float*>(multiplier.data);
  const double products = 255.0 * 128.0 * static_cast<double>(depth);
  for (size_t i = 0; i < bias.type.shape.elements(); ++i)
    if (!((std::fabs(static_cast<double>(b[i])) + products) * std::fabs(static_cast<double>(m[i])) <
          0x1p30))
      return false;
  return true;
}

}  // namespace edgert
