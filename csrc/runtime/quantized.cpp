#include "runtime/quantized.h"

namespace edgert {

void require_scale(const NodeTypes& node, float scale, const char* name) {
  if (!(scale >= 0 && scale <= kMaxScale))
    node.fail("ATTR", "%s is %g, expected 0 to 2^40", name, scale);
}

Limits limits_of(DType dtype) {
  if (dtype == DType::i16) return {INT16_MIN, INT16_MAX};
  return dtype == DType::i8 ? Limits{-128, 127} : Limits{0, 255};
}

void require_zero(const NodeTypes& node, int32_t zero, DType dtype, const char* name) {
  const Limits limits = dtype == DType::i16 ? Limits{0, 0} : limits_of(dtype);
  if (zero < limits.low || zero > limits.high)
    node.fail("ATTR", "%s of %s is %d, expected %d to %d", name, dtype_name(dtype), zero,
              limits.low, limits.high);
}

void require_factors(const NodeTypes& node, uint64_t depth, int32_t x_zero) {
  constexpr uint64_t kMaxDepth = uint64_t{1}
                                 << 22;  // of i16: sums below 2^53, which a double holds
  const DType x = node.input(0).dtype;
  if (x != DType::i16) node.require_dtype(0, DType::u8);
  if (x != DType::i16 || node.input(1).dtype != DType::i16) node.require_dtype(1, DType::i8);
  require_zero(node, x_zero, x, "x_zero");
  if (x == DType::i16 && depth > kMaxDepth)
    node.fail("LIMIT", "sums of %llu products, expected at most %llu",
              static_cast<unsigned long long>(depth), static_cast<unsigned long long>(kMaxDepth));
}

TensorType infer_requantize(const NodeTypes& node, const Requantize& output, const Shape& shape) {
  const DType dtype = static_cast<DType>(output.dtype);
  if (output.dtype == static_cast<int32_t>(DType::f32)) {
    if (output.zero != 0 || output.low != 0 || output.high != 0)
      node.fail("ATTR", "zero, low and high of a float32 output are %d, %d and %d, expected 0",
                output.zero, output.low, output.high);
  } else if (output.dtype == static_cast<int32_t>(DType::u8) ||
             output.dtype == static_cast<int32_t>(DType::i16)) {
    const Limits limits = limits_of(dtype);
    require_zero(node, output.zero, dtype, "the zero point of the output");
    if (output.low < limits.low || output.high > limits.high || output.low > output.high)
      node.fail("ATTR", "the output is clamped to %d .. %d, expected a part of %d .. %d",
                output.low, output.high, limits.low, limits.high);
  } else {
    node.fail("ATTR", "the output has type %d, expected uint8, int16 or float32", output.dtype);
  }
  require_scale(node, output.scale, "the scale of the output");
  node.require_activation(output.activation);
  const TensorType type{dtype, shape};
  if (!in_bounds(type)) node.fail("LIMIT", "the output %s is too large", to_string(shape).c_str());
  return type;
}

TensorType infer_sums(const NodeTypes& node, const Requantize& output, const Shape& shape) {
  const int32_t channels = shape[shape.rank - 1];
  node.require(2, DType::i32, {channels});
  node.require(3, DType::f32, {channels});
  return infer_requantize(node, output, shape);
}

}  // namespace edgert
