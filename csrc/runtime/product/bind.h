// Steps that are one product: what conv and gemm, and what qconv and qgemm, have in common.
#pragma once

#include "runtime/product/product.h"

namespace edgert {

// A product of a constant, or of weights that the model computes, with its method and its plan.
struct BoundProduct {
  Product product;
  const ProductMethod* method;
  PreparedWeights weights;  // of a constant
  std::unique_ptr<const ProductPlan> plan;

  // Input 1 as `constant` says, in the form that the file has; bias as in ProductMethod.
  BoundProduct(const BindContext& context, const Product& product, const std::byte* weights,
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
