// What max_pool, average_pool and qaverage_pool have in common.
#pragma once

#include "runtime/op.h"

namespace edgert {

inline const PoolAttrs& pool_attrs(const PoolAttrs& attrs) { return attrs; }
inline const PoolAttrs& pool_attrs(const QPoolAttrs& attrs) { return attrs.pool; }

// The shape that windows over input 0, [batch, height, width, channels], give. Checks the record
// completely; every window sees at least one element.
Shape infer_windows(const NodeTypes& node, const PoolAttrs& attrs);

// OpDef::operations: a window for each element of the output.
template <typename Attrs>
double window_operations(const NodeTypes& node, const OutputTypes& outputs) {
  const PoolAttrs& pool = pool_attrs(node.attrs<Attrs>());
  return static_cast<double>(outputs[0].shape.elements()) * pool.kernel[0] * pool.kernel[1];
}

// Pools input 0, [batch, height, width, channels].
Step bind_pool_f32(const BindContext& context, bool average);
Step bind_max_pool_int(const BindContext& context);  // i8 and i16 as well
Step bind_average_pool_int(const BindContext& context);

}  // namespace edgert
