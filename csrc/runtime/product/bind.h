// Steps that are one product: what conv and gemm, and what qconv and qgemm, have in common.
#pragma once

#include "runtime/product/product.h"

namespace edgert {

// A product with its method, its weights if they are constant, and its plan.
struct BoundProduct {
  Product product;
  const ProductMethod* method;
  PreparedWeights weights;
  std::unique_ptr<const ProductPlan> plan;

  // `constant`: the weights as product.form has them, not used if the model computes them. `bias`
  // as in ProductMethod::prepare.
  BoundProduct(const BindContext& context, const Product& product, const std::byte* constant,
               const int32_t* bias = nullptr);
};

// The product of inputs 0 and 1 of a node.
Product product_of(const BindContext& context, const ProductShape& shape);

// The step of conv or gemm: x, w, (bias), (residual).
Step bind_product_f32(const BindContext& context, const ProductShape& shape,
                      const Activation& activation);

// The step of qconv or qgemm: x, w, bias, multiplier, (residual). `out` without operands.
Step bind_product_sums(const BindContext& context, const ProductShape& shape, uint8_t x_zero,
                       AccumulatorOutput out);

// What follows the sums, without the operands of a run.
template <typename Attrs>
AccumulatorOutput accumulator_output(const Attrs& attrs) {
  return {nullptr,      nullptr, nullptr, false, attrs.residual_zero, attrs.residual_scale,
          attrs.output, false};
}

// Whether constants prove AccumulatorOutput::small for sums of `depth` products of bytes.
bool has_small_results(const BindContext& context, size_t depth);

}  // namespace edgert
