#include "runtime/movers/strided_copy.h"
#include "runtime/op.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  const auto& repeats = node.attrs<TileAttrs>().repeats;
  const Shape& in = node.shape(0);
  Shape out;
  out.rank = in.rank;
  for (int i = 0; i < in.rank; ++i) {
    if (repeats[i] < 0) node.fail("ATTR", "repeats[%d] is %d", i, repeats[i]);
    out[i] = node.output_dim(int64_t{in[i]} * repeats[i]);
  }
  node.require_unused_zero(repeats, "repeats");
  return {node.input(0).dtype, out};
}

Step bind(const BindContext& context) {
  const auto& repeats = context.attrs<TileAttrs>().repeats;
  const TensorType& in = context.input(0)->type;
  const Shape& out = context.output().type.shape;
  std::vector<CopyAxis> axes;
  for (int i = 0; i < out.rank; ++i) {
    const ptrdiff_t stride = out.stride(i);
    axes.push_back({static_cast<size_t>(repeats[i]), 0, in.shape[i] * stride});
    axes.push_back({static_cast<size_t>(in.shape[i]), in.shape.stride(i), stride});
  }
  return copy_step(context, StridedCopy(dtype_bytes(in.dtype), axes));
}

}  // namespace

extern const OpDef tile_op = {infer, bind};

}  // namespace edgert
