// What the quantised operators check alike.
#pragma once

#include "kernels/records/accumulator.h"
#include "runtime/op.h"

namespace edgert {

// Bound of every scale and multiplier: no intermediate result can then become infinite, nor not a
// number.
constexpr float kMaxScale = 0x1p40f;

// Fails unless 0 <= scale <= kMaxScale.
void require_scale(const NodeTypes& node, float scale, const char* name);
// What a quantised type can be.
struct Limits {
  int32_t low, high;
};
Limits limits_of(DType dtype);
// Fails unless `zero` is in the range of the quantised type; int16 has no other than 0.
void require_zero(const NodeTypes& node, int32_t zero, DType dtype, const char* name);

// Checks the types of inputs 0 and 1 of qconv and qgemm, `depth` products in a sum, and `x_zero`.
void require_factors(const NodeTypes& node, uint64_t depth, int32_t x_zero);

// Checks the record and gives the type of the output.
TensorType infer_requantize(const NodeTypes& node, const Requantize& output, const Shape& shape);

// Checks the inputs 2 and 3, bias and multipliers, of what ends in sums, and its record, and gives
// the type of the output. `shape` is that of the output, channels last.
TensorType infer_sums(const NodeTypes& node, const Requantize& output, const Shape& shape);

// The same for qconv and qgemm, which may have a residual, input 4.
template <typename Attrs>
TensorType infer_accumulator(const NodeTypes& node, const Attrs& attrs, const Shape& shape) {
  const TensorType out = infer_sums(node, attrs.output, shape);
  require_scale(node, attrs.residual_scale, "residual_scale");
  const DType residual = node.has(4) ? node.input(4).dtype : DType::u8;
  if (residual != DType::i16 && node.has(4)) node.require_dtype(4, DType::u8);
  require_zero(node, attrs.residual_zero, residual, "residual_zero");
  if (node.has(4)) {
    if (node.shape(4) != shape)
      node.fail("SHAPE", "the residual has shape %s, expected %s", to_string(node.shape(4)).c_str(),
                to_string(shape).c_str());
  }
  return out;
}

// What follows the sums of qconv or qgemm, without the operands of a run.
template <typename Attrs>
AccumulatorOutput accumulator_output(const Attrs& attrs) {
  return {nullptr,      nullptr, nullptr, false, attrs.residual_zero, attrs.residual_scale,
          attrs.output, false};
}

// Whether constants prove AccumulatorOutput::small for sums of `depth` products.
bool has_small_results(const BindContext& context, size_t depth);

// The tensors of qconv or qgemm.
struct AccumulatorTensors {
  uint32_t x, bias, multiplier, residual, y;
  bool wide_residual;
  explicit AccumulatorTensors(const BindContext& context)
      : x(context.input_index(0)),
        bias(context.input_index(2)),
        multiplier(context.input_index(3)),
        residual(context.input_index(4)),
        y(context.node.output),
        wide_residual(context.input(4) && context.input(4)->type.dtype == DType::i16) {}
  // `out` with the operands of a run.
  AccumulatorOutput bound(AccumulatorOutput out, const RunContext& run) const {
    out.bias = run.tensor<int32_t>(bias);
    out.multiplier = run.tensor<float>(multiplier);
    out.residual = run.tensor<uint8_t>(residual);
    out.wide_residual = wide_residual;
    return out;
  }
};

// `out` from an output channel, and from an element of the output, on.
inline AccumulatorOutput part_of(AccumulatorOutput out, size_t channel, size_t element) {
  out.bias += channel;
  out.multiplier += channel;
  if (out.residual) out.residual += element * (out.wide_residual ? sizeof(int16_t) : 1);
  return out;
}

inline size_t output_bytes(const Requantize& output) {  // of an element
  return dtype_bytes(static_cast<DType>(output.dtype));
}

}  // namespace edgert
