// What max_pool and average_pool have in common.
#pragma once

#include "runtime/op.h"

namespace edgert {

// The shape that windows over input 0, [batch, height, width, channels], give. Checks the record
// completely; every window sees at least one element.
Shape infer_windows(const NodeTypes& node, const PoolAttrs& attrs);

// Pools input 0, [batch, height, width, channels] in float32.
TensorType infer_pool(const NodeTypes& node);
Step bind_pool(const BindContext& context, bool average);

}  // namespace edgert
