#include "runtime/movers/strided_copy.h"
#include "runtime/op.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  const auto& perm = node.attrs<TransposeAttrs>().perm;
  const Shape& in = node.shape(0);
  Shape out;
  out.rank = in.rank;
  uint32_t seen = 0;
  for (int i = 0; i < in.rank; ++i) {
    if (perm[i] < 0 || perm[i] >= in.rank || (seen >> perm[i] & 1))
      node.fail("ATTR", "perm[%d] is %d: not a permutation of %d axes", i, perm[i], in.rank);
    seen |= 1u << perm[i];
    out[i] = in[perm[i]];
  }
  node.require_unused_zero(perm, "perm");
  return {node.input(0).dtype, out};
}

Step bind(const BindContext& context) {
  const int32_t* const perm = context.attrs<TransposeAttrs>().perm;
  const TensorType& in = context.input(0)->type;
  const Shape& out = context.output().type.shape;
  std::vector<CopyAxis> axes;
  for (int i = 0; i < out.rank; ++i)
    axes.push_back({static_cast<size_t>(out[i]), in.shape.stride(perm[i]), out.stride(i)});
  return copy_step(context, StridedCopy(dtype_bytes(in.dtype), axes));
}

}  // namespace

extern const OpDef transpose_op = {infer, bind};

}  // namespace edgert
