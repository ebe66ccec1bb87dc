#include "kernels/kernel.h"
#include "kernels/unary_f32/unary_f32.h"
#include "runtime/recurrent/recurrence.h"

namespace edgert {
namespace {

enum Input : size_t { kX, kWeights, kHidden, kLengths };

OutputTypes infer(const NodeTypes& node) {
  const RnnAttrs& attrs = node.attrs<RnnAttrs>();
  const OutputTypes types = infer_recurrence(node, 1, 1, 1, attrs.reverse, attrs.clip);
  node.require_activation(attrs.hidden);
  require_state(node, kHidden);
  require_lengths(node, kLengths);
  return types;
}

Form weight_form(const NodeTypes& node) { return matrix_form(node); }

class Rnn {
 public:
  explicit Rnn(const BindContext& context)
      : attrs_(context.attrs<RnnAttrs>()),
        recurrence_(context, attrs_.reverse, kLengths, &parts_),
        product_(context, kWeights, recurrence_.units, &parts_),
        sums_(parts_.add(uint64_t{recurrence_.batch} * recurrence_.units * sizeof(float))),
        kernel_(select_kernels(context.isa).unary_f32) {
    for (size_t i = 0; i <= kLengths; ++i) inputs_[i] = context.input_index(i);
    for (size_t i = 0; i < 2; ++i) outputs_[i] = context.output_index(i);
  }

  const char* kernel() const { return product_.kernel(); }
  uint64_t scratch_bytes() const { return parts_.bytes(); }

  void run(const RunContext& run) const {
    const float* const x = run.tensor<float>(inputs_[kX]);
    float* const h = run.tensor<float>(outputs_[1]);
    float* const sums = scratch_part<float>(run, sums_);
    const size_t units = recurrence_.units;
    recurrence_.begin(run);
    recurrence_.start(run, run.tensor<float>(inputs_[kHidden]), h);
    product_.begin(run);
    const auto multiply = [&](size_t t) {
      FloatOutput out;
      out.residual = x + t * recurrence_.batch * units;
      if (attrs_.clip > 0)
        out.activation = {static_cast<int32_t>(UnaryFn::clip), -attrs_.clip, attrs_.clip};
      product_.run(run, h, sums, out);
    };
    const auto end = [&](size_t, size_t first, size_t rows) {
      kernel_.run({rows * units, sums + first * units, h + first * units, attrs_.hidden});
    };
    recurrence_.run(run, run.tensor<float>(outputs_[0]), h, 64 * units, multiply, end);
  }

 private:
  RnnAttrs attrs_;
  ScratchParts parts_;
  Recurrence recurrence_;
  StateProduct product_;
  uint64_t sums_;
  const Kernel<UnaryF32>& kernel_;
  uint32_t inputs_[kLengths + 1], outputs_[2];
};

Step bind(const BindContext& context) {
  const auto node = std::make_shared<const Rnn>(context);
  return {node->kernel(), node->scratch_bytes(), [node](const RunContext& run) { node->run(run); }};
}

}  // namespace

extern const OpDef rnn_op = {infer, bind, 0, false, weight_form, recurrent_operations};

}  // namespace edgert
