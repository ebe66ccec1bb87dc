#include "runtime/recurrent/recurrence.h"

#include <algorithm>
#include <cmath>

#include "core/text.h"
#include "weights/forms.h"

namespace edgert {

OutputTypes infer_recurrence(const NodeTypes& node, int gates, int outputs, int states,
                             int32_t reverse, float clip) {
  for (int i : {0, 1}) node.require_dtype(i, DType::f32);
  node.require_rank(0, 3);
  node.require_rank(1, 2);
  const Shape &x = node.shape(0), &r = node.shape(1);
  const int64_t units = r[1];
  if (units < 1 || r[0] != outputs * units)
    node.fail("SHAPE", "the weights have shape %s, expected %d times as many rows as columns",
              to_string(r).c_str(), outputs);
  if (x[2] != gates * units)
    node.fail("SHAPE", "input 0 has shape %s, expected %d times %lld in its last dimension",
              to_string(x).c_str(), gates, static_cast<long long>(units));
  require_flag(node, reverse, "reverse");
  if (!(clip >= 0)) node.fail("ATTR", "clip is %g, expected 0 or more", static_cast<double>(clip));
  std::vector<TensorType> types(1 + static_cast<size_t>(states), {DType::f32, {}});
  for (size_t i = 0; i < types.size(); ++i) {
    Shape& shape = types[i].shape;
    if (i == 0) shape[shape.rank++] = x[0];
    shape[shape.rank++] = x[1];
    shape[shape.rank++] = r[1];
  }
  return types;
}

void require_state(const NodeTypes& node, int i) {
  if (node.has(i)) node.require(i, DType::f32, {node.shape(0)[1], node.shape(1)[1]});
}

void require_lengths(const NodeTypes& node, int i) {
  if (node.has(i)) node.require(i, DType::i32, {node.shape(0)[1]});
}

void require_flag(const NodeTypes& node, int32_t value, const char* name) {
  if (value != 0 && value != 1) node.fail("ATTR", "%s is %d, expected 0 or 1", name, value);
}

double recurrent_operations(const NodeTypes& node, const OutputTypes& outputs) {
  const double gates =
      static_cast<double>(node.shape(0)[2]) / static_cast<double>(node.shape(1)[1]);
  return static_cast<double>(outputs[0].shape.elements()) * gates *
             static_cast<double>(node.shape(1)[1]) +
         static_cast<double>(node.shape(0).elements());
}

StateProduct::StateProduct(const BindContext& context, size_t weight, size_t stride,
                           ScratchParts* parts)
    : bound_(
          context,
          [&] {
            const Tensor& w = *context.input(weight);
            ProductShape shape = matrix_shape(static_cast<size_t>(context.output().type.shape[1]),
                                              static_cast<size_t>(w.type.shape[1]),
                                              static_cast<size_t>(w.type.shape[0]));
            shape.out_pixel = stride;
            shape.out_row = shape.out_image = shape.width * stride;
            return Product{DType::f32,        DType::f32, shape,  w.form,
                           w.data != nullptr, false,      w.facts};
          }(),
          context.input(weight)->data),
      weight_(context.input_index(weight)) {
  if (!bound_.product.constant)
    panels_ =
        parts->add(form_elements(bound_.method->computed_form, bound_.product.shape.weights()) *
                   sizeof(float));
  scratch_ = parts->add(bound_.plan->scratch_bytes());
}

void StateProduct::begin(const RunContext& run) const {
  if (bound_.product.constant) return;
  pack(bound_.method->computed_form, bound_.product.shape.weights(), DType::f32,
       run.tensor<std::byte>(weight_), DType::f32, scratch_part<std::byte>(run, panels_));
}

void StateProduct::run(const RunContext& run, const float* state, float* y,
                       const FloatOutput& out) const {
  const WeightView weights = bound_.product.constant
                                 ? bound_.weights.view()
                                 : WeightView{scratch_part<std::byte>(run, panels_)};
  bound_.plan->run({state, weights, y, out}, scratch_part<std::byte>(run, scratch_), run.pool());
}

Recurrence::Recurrence(const BindContext& context, bool reverse, size_t lengths,
                       ScratchParts* parts)
    : steps(static_cast<size_t>(context.output().type.shape[0])),
      batch(static_cast<size_t>(context.output().type.shape[1])),
      units(static_cast<size_t>(context.output().type.shape[2])),
      reverse_(reverse),
      lengths_(context.input_index(lengths)),
      name_(context.output().name) {
  if (lengths_ == kNone) return;
  copy_ = parts->add(uint64_t{batch} * sizeof(int32_t));
  if (const std::byte* const constant = context.input(lengths)->data) {
    const int32_t* const values = reinterpret_cast<const int32_t*>(constant);
    if (const size_t bad = wrong_length(values); bad < batch)
      context.fail("INDEX", "length %zu is %d, expected 0 to %zu", bad, values[bad], steps);
  }
}

size_t Recurrence::wrong_length(const int32_t* lengths) const {
  const auto is_wrong = [&](int32_t n) { return n < 0 || static_cast<size_t>(n) > steps; };
  return static_cast<size_t>(std::find_if(lengths, lengths + batch, is_wrong) - lengths);
}

void Recurrence::begin(const RunContext& run) const {
  if (lengths_ == kNone) return;
  int32_t* const copy = scratch_part<int32_t>(run, copy_);
  std::memcpy(copy, run.tensor<int32_t>(lengths_), batch * sizeof(int32_t));
  if (const size_t bad = wrong_length(copy); bad < batch)
    throw Error(ErrorCode::kInput, "INDEX",
                format("%s: length %zu is %d, expected 0 to %zu", quoted(name_).c_str(), bad,
                       copy[bad], steps));
}

void Recurrence::start(const RunContext& run, const float* initial, float* state) const {
  const int32_t* const rows = lengths(run);
  for (size_t row = 0; row < batch; ++row) {
    float* const to = state + row * units;
    if (initial == nullptr || steps == 0 || (rows && rows[row] == 0))
      std::memset(to, 0, units * sizeof(float));
    else
      std::memcpy(to, initial + row * units, units * sizeof(float));
  }
}

}  // namespace edgert
