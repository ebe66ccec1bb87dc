#include "kernels/gru_f32/gru_f32.h"
#include "kernels/kernel.h"
#include "runtime/recurrent/recurrence.h"

namespace edgert {
namespace {

constexpr int kGates = 3;
enum Input : size_t { kX, kWeights, kCandidate, kBias, kHidden, kLengths };

OutputTypes infer(const NodeTypes& node) {
  const GruAttrs& attrs = node.attrs<GruAttrs>();
  const OutputTypes types = infer_recurrence(node, kGates, 2, 1, attrs.reverse, attrs.clip);
  require_flag(node, attrs.linear_before_reset, "linear_before_reset");
  for (const Activation& function : {attrs.gate, attrs.candidate})
    node.require_activation(function);
  const int32_t units = node.shape(kWeights)[1];
  node.require(kCandidate, DType::f32, {units, units});
  if (node.has(kBias)) node.require(kBias, DType::f32, {units});
  require_state(node, kHidden);
  require_lengths(node, kLengths);
  return types;
}

Form weight_form(const NodeTypes& node) { return matrix_form(node); }

class Gru {
 public:
  explicit Gru(const BindContext& context)
      : attrs_(context.attrs<GruAttrs>()),
        recurrence_(context, attrs_.reverse, kLengths, &parts_),
        gates_product_(context, kWeights, kGates * recurrence_.units, &parts_),
        candidate_product_(context, kCandidate, kGates * recurrence_.units, &parts_),
        gates_(
            parts_.add(uint64_t{recurrence_.batch} * recurrence_.units * kGates * sizeof(float))),
        kernel_(select_kernels(context.isa).gru_f32) {
    if (!attrs_.linear_before_reset)
      reset_ = parts_.add(uint64_t{recurrence_.batch} * recurrence_.units * sizeof(float));
    for (size_t i = 0; i <= kLengths; ++i) inputs_[i] = context.input_index(i);
    for (size_t i = 0; i < 2; ++i) outputs_[i] = context.output_index(i);
  }

  const char* kernel() const { return kernel_.name; }
  uint64_t scratch_bytes() const { return parts_.bytes(); }

  void run(const RunContext& run) const {
    const float* const x = run.tensor<float>(inputs_[kX]);
    float* const h = run.tensor<float>(outputs_[1]);
    float* const gates = scratch_part<float>(run, gates_);
    const size_t batch = recurrence_.batch, units = recurrence_.units, row = kGates * units;
    const bool linear = attrs_.linear_before_reset;
    float* const reset = linear ? nullptr : scratch_part<float>(run, reset_);
    GruF32 arguments = {
        batch,       units,           gates, nullptr, h, reset, kernel_clip(attrs_.clip),
        attrs_.gate, attrs_.candidate};
    recurrence_.begin(run);
    recurrence_.start(run, run.tensor<float>(inputs_[kHidden]), h);
    gates_product_.begin(run);
    candidate_product_.begin(run);
    const auto multiply = [&](size_t t) {
      const float* const seen = x + t * batch * row;
      FloatOutput out;
      out.residual = seen;
      gates_product_.run(run, h, gates, out);
      if (!linear) kernel_.run(arguments);  // of all rows: those that have ended do not matter
      FloatOutput candidate;
      candidate.bias = run.tensor<float>(inputs_[kBias]);
      if (!linear) candidate.residual = seen + 2 * units;
      candidate_product_.run(run, linear ? h : reset, gates + 2 * units, candidate);
    };
    const auto end = [&](size_t t, size_t first, size_t rows) {
      GruF32 part = arguments;
      part.rows = rows;
      part.gates += first * row;
      if (linear) part.input = x + (t * batch + first) * row;
      part.h += first * units;
      part.reset = nullptr;
      kernel_.run(part);
    };
    // Three exponentials for each unit.
    recurrence_.run(run, run.tensor<float>(outputs_[0]), h, 64 * row, multiply, end);
  }

 private:
  GruAttrs attrs_;
  ScratchParts parts_;
  Recurrence recurrence_;
  StateProduct gates_product_, candidate_product_;
  uint64_t gates_, reset_ = 0;
  const Kernel<GruF32>& kernel_;
  uint32_t inputs_[kLengths + 1], outputs_[2];
};

Step bind(const BindContext& context) {
  const auto node = std::make_shared<const Gru>(context);
  return {node->kernel(), node->scratch_bytes(), [node](const RunContext& run) { node->run(run); }};
}

}  // namespace

extern const OpDef gru_op = {infer, bind, 0, false, weight_form, recurrent_operations};

}  // namespace edgert
