// What the dynamically quantised operators share.
#pragma once

#include "runtime/product/product.h"

namespace edgert {

// Checks the inputs 2 to 4 of dynamic_conv or dynamic_gemm, multipliers, bias and residual, and
// gives the type of the output. `shape` is that of the output, channels last.
TensorType infer_dynamic(const NodeTypes& node, const Activation& activation, const Shape& shape);

// What has a scale: an image, or a row of the shape of a matrix product.
enum class DynamicSet { kImage, kRow };

// The step of either.
Step bind_dynamic(const BindContext& context, ProductShape shape, DynamicSet set,
                  const Activation& activation);

}  // namespace edgert
