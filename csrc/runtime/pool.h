// What max_pool and average_pool have in common.
#pragma once

#include "runtime/op.h"

namespace edgert {

// Pools input 0, [batch, height, width, channels] in float32. Every window sees at least one
// element.
TensorType infer_pool(const NodeTypes& node);
Step bind_pool(const BindContext& context, bool average);

}  // namespace edgert
