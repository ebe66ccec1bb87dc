#include "runtime/product/bind.h"

#include <algorithm>
#include <cmath>

#include "weights/forms.h"

namespace edgert {
namespace {

constexpr size_t kTapBytes = 6 * sizeof(size_t);  // that a plan may have for each tap

// Fails if a weight of i16 is -32768: two products with it and -32768 leave 32 bits.
void require_weights(const BindContext& context) {
  const Tensor& w = *context.input(1);
  if (w.type.dtype != DType::i16) return;
  const int16_t* const data = reinterpret_cast<const int16_t*>(w.data);
  const size_t elements = form_elements(w.form, weight_shape(w.type.shape));
  if (std::find(data, data + elements, INT16_MIN) != data + elements)
    context.fail("WEIGHTS", "the weights contain -32768, expected -32767 to 32767");
}

Step step_of(const BoundProduct& bound) {
  Step step;
  step.kernel = bound.plan->kernel();
  step.scratch_bytes = bound.plan->scratch_bytes();
  return step;
}

}  // namespace

BoundProduct::BoundProduct(const BindContext& context, const Product& wanted,
                           const std::byte* constant, const int32_t* bias)
    : product(wanted), method(&choose_method(product, context.isa)) {
  // Filters of no channels may have any number of taps.
  context.memory.take_tables(uint64_t{product.shape.weights().taps} * kTapBytes);
  if (product.constant)
    weights = method->prepare(product, constant, bias, context.isa, context.memory);
  plan = method->plan(product, weights.facts, context.isa, context.threads);
}

Product product_of(const BindContext& context, const ProductShape& shape) {
  const Tensor &x = *context.input(0), &w = *context.input(1);
  return {x.type.dtype, w.type.dtype, shape, w.form, w.data != nullptr, false, w.facts};
}

Step bind_product_f32(const BindContext& context, const ProductShape& shape,
                      const Activation& activation) {
  const auto bound = std::make_shared<const BoundProduct>(context, product_of(context, shape),
                                                          context.input(1)->data);
  const uint32_t x = context.input_index(0), w = context.input_index(1);
  const uint32_t bias = context.input_index(2), residual = context.input_index(3);
  const uint32_t y = context.output_index();
  Step step = step_of(*bound);
  // Room for weights that the model computes.
  uint64_t room = 0;
  if (!bound->product.constant)
    room = round_up64(form_elements(bound->method->computed_form, shape.weights()) * sizeof(float),
                      kAlignment);
  step.scratch_bytes += room;
  const size_t computed = static_cast<size_t>(room);
  step.run = [=](const RunContext& run) {
    WeightView weights = bound->weights.view();
    if (computed > 0) {
      pack(bound->method->computed_form, shape.weights(), DType::f32, run.tensor<std::byte>(w),
           DType::f32, run.scratch());
      weights.data = run.scratch();
    }
    bound->plan->run({run.tensor<float>(x),
                      weights,
                      run.tensor<float>(y),
                      {run.tensor<float>(bias), run.tensor<float>(residual), activation}},
                     run.scratch() + computed, run.pool());
  };
  return step;
}

Step bind_product_sums(const BindContext& context, const ProductShape& shape, uint8_t x_zero,
                       AccumulatorOutput out) {
  require_weights(context);
  const Product product = product_of(context, shape);
  const auto bound = std::make_shared<const BoundProduct>(
      context, product, context.input(1)->data,
      reinterpret_cast<const int32_t*>(context.input(2)->data));
  if (product.x == DType::u8) out.small = has_small_results(context, shape.weights().depth());
  const uint32_t x = context.input_index(0), bias = context.input_index(2);
  const uint32_t multiplier = context.input_index(3), residual = context.input_index(4);
  const uint32_t y = context.output_index();
  out.residual_is_i16 = context.input(4) && context.input(4)->type.dtype == DType::i16;
  Step step = step_of(*bound);
  step.run = [=](const RunContext& run) {
    ProductOperands operands = {
        run.tensor<void>(x), bound->weights.view(), run.tensor<void>(y), {}, out, x_zero};
    operands.sums.bias = run.tensor<int32_t>(bias);
    operands.sums.multiplier = run.tensor<float>(multiplier);
    operands.sums.residual = run.tensor<uint8_t>(residual);
    bound->plan->run(operands, run.scratch(), run.pool());
  };
  return step;
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
