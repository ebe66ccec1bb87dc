#include "kernels/kernel.h"
#include "kernels/lstm_f32/lstm_f32.h"
#include "runtime/recurrent/recurrence.h"

namespace edgert {
namespace {

constexpr int kGates = 4;
enum Input : size_t { kX, kWeights, kHidden, kCell, kLengths, kPeephole };

OutputTypes infer(const NodeTypes& node) {
  const LstmAttrs& attrs = node.attrs<LstmAttrs>();
  const OutputTypes types = infer_recurrence(node, kGates, kGates, 2, attrs.reverse, attrs.clip);
  require_flag(node, attrs.input_forget, "input_forget");
  for (const Activation& function : {attrs.gate, attrs.cell, attrs.hidden})
    node.require_activation(function);
  for (int state : {kHidden, kCell}) require_state(node, state);
  require_lengths(node, kLengths);
  if (node.has(kPeephole)) node.require(kPeephole, DType::f32, {3 * node.shape(kWeights)[1]});
  return types;
}

Form weight_form(const NodeTypes& node) { return matrix_form(node); }

class Lstm {
 public:
  explicit Lstm(const BindContext& context)
      : attrs_(context.attrs<LstmAttrs>()),
        recurrence_(context, attrs_.reverse, kLengths, &parts_),
        product_(context, kWeights, kGates * recurrence_.units, &parts_),
        gates_(
            parts_.add(uint64_t{recurrence_.batch} * recurrence_.units * kGates * sizeof(float))),
        kernel_(select_kernels(context.isa).lstm_f32) {
    for (size_t i = 0; i <= kPeephole; ++i) inputs_[i] = context.input_index(i);
    for (size_t i = 0; i < 3; ++i) outputs_[i] = context.output_index(i);
  }

  const char* kernel() const { return kernel_.name; }
  uint64_t scratch_bytes() const { return parts_.bytes(); }

  void run(const RunContext& run) const {
    const float* const x = run.tensor<float>(inputs_[kX]);
    const float* const peephole = run.tensor<float>(inputs_[kPeephole]);
    float* const h = run.tensor<float>(outputs_[1]);
    float* const c = run.tensor<float>(outputs_[2]);
    float* const gates = scratch_part<float>(run, gates_);
    const size_t units = recurrence_.units, row = kGates * units;
    recurrence_.begin(run);
    recurrence_.start(run, run.tensor<float>(inputs_[kHidden]), h);
    recurrence_.start(run, run.tensor<float>(inputs_[kCell]), c);
    product_.begin(run);
    const auto multiply = [&](size_t t) {
      FloatOutput out;
      out.residual = x + t * recurrence_.batch * row;
      product_.run(run, h, gates, out);
    };
    const auto end = [&](size_t, size_t first, size_t rows) {
      kernel_.run({rows, units, gates + first * row, peephole, c + first * units, h + first * units,
                   kernel_clip(attrs_.clip), attrs_.input_forget != 0, attrs_.gate, attrs_.cell,
                   attrs_.hidden});
    };
    // Five exponentials for each unit.
    recurrence_.run(run, run.tensor<float>(outputs_[0]), h, 64 * row, multiply, end);
  }

 private:
  LstmAttrs attrs_;
  ScratchParts parts_;
  Recurrence recurrence_;
  StateProduct product_;
  uint64_t gates_;
  const Kernel<LstmF32>& kernel_;
  uint32_t inputs_[kPeephole + 1], outputs_[3];
};

Step bind(const BindContext& context) {
  const auto node = std::make_shared<const Lstm>(context);
  return {node->kernel(), node->scratch_bytes(), [node](const RunContext& run) { node->run(run); }};
}

}  // namespace

extern const OpDef lstm_op = {infer, bind, 0, false, weight_form, recurrent_operations};

}  // namespace edgert
