#include "runtime/movers/strided_copy.h"
#include "runtime/op.h"

namespace edgert {
namespace {

// The target shape is that of the output: leading axes may be new, axes of size one may grow.
OutputTypes infer(const NodeTypes& node) {
  const Shape& in = node.shape(0);
  const Shape out = node.target_shape(node.attrs<ShapeAttrs>());
  bool fits = in.rank <= out.rank;
  for (int i = 0; fits && i < in.rank; ++i) {
    const int32_t size = out[out.rank - in.rank + i];
    fits = in[i] == 1 || in[i] == size;
  }
  if (!fits)
    node.fail("SHAPE", "cannot expand %s to %s", to_string(in).c_str(), to_string(out).c_str());
  return {node.input(0).dtype, out};
}

Step bind(const BindContext& context) {
  const TensorType& in = context.input(0)->type;
  const Shape& out = context.output().type.shape;
  std::vector<CopyAxis> axes;
  for (int i = 0; i < out.rank; ++i) {
    const int from = i - (out.rank - in.shape.rank);
    const bool repeated = from < 0 || in.shape[from] == 1;
    axes.push_back(
        {static_cast<size_t>(out[i]), repeated ? 0 : in.shape.stride(from), out.stride(i)});
  }
  return copy_step(context, StridedCopy(dtype_bytes(in.dtype), axes));
}

}  // namespace

extern const OpDef expand_op = {infer, bind};

}  // namespace edgert
