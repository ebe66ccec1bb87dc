// What the quantised operators check alike.
#pragma once

#include "runtime/op.h"

namespace edgert {

// Bound of every scale and multiplier: no intermediate result can then become infinite, nor not a
// number.
constexpr float kMaxScale = 0x1p40f;

// Fails unless 0 <= scale <= kMaxScale.
void require_scale(const NodeTypes& node, float scale, const char* name);
// Fails unless `zero` is in the range of the quantised type.
void require_zero(const NodeTypes& node, int32_t zero, DType dtype, const char* name);

// Checks the record and gives the type of the output.
TensorType infer_requantize(const NodeTypes& node, const Requantize& output, const Shape& shape);

// Checks the inputs 2 to 4 of qconv and qgemm, bias, multipliers and residual, and gives the type
// of the output. `shape` is that of the output, channels last.
template <typename Attrs>
TensorType infer_accumulator(const NodeTypes& node, const Attrs& attrs, const Shape& shape) {
  const int32_t channels = shape[shape.rank - 1];
  node.require(2, DType::i32, {channels});
  node.require(3, DType::f32, {channels});
  const TensorType out = infer_requantize(node, attrs.output, shape);
  require_zero(node, attrs.residual_zero, DType::u8, "residual_zero");
  require_scale(node, attrs.residual_scale, "residual_scale");
  if (node.has(4)) {
    node.require_dtype(4, DType::u8);
    if (node.shape(4) != shape)
      node.fail("SHAPE", "the residual has shape %s, expected %s", to_string(node.shape(4)).c_str(),
                to_string(shape).c_str());
  }
  return out;
}

}  // namespace edgert
