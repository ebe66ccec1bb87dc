#include "runtime/movers/strided_copy.h"
#include "runtime/op.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  const SliceAttrs& attrs = node.attrs<SliceAttrs>();
  const Shape& in = node.shape(0);
  Shape out;
  out.rank = in.rank;
  for (int i = 0; i < in.rank; ++i) {
    const int32_t size = attrs.sizes[i];
    if (attrs.steps[i] == 0) node.fail("ATTR", "steps[%d] is 0", i);
    if (size < 0) node.fail("ATTR", "sizes[%d] is %d", i, size);
    const int64_t first = attrs.starts[i];
    const int64_t last = size == 0 ? 0 : first + (int64_t{size} - 1) * attrs.steps[i];
    const int64_t bound = size == 0 ? 1 : in[i];
    if (first < 0 || first >= bound || last < 0 || last >= bound)
      node.fail("ATTR", "elements %lld to %lld of axis %d, which has %d",
                static_cast<long long>(first), static_cast<long long>(last), i, in[i]);
    out[i] = size;
  }
  node.require_unused_zero(attrs.starts, "starts");
  node.require_unused_zero(attrs.steps, "steps");
  node.require_unused_zero(attrs.sizes, "sizes");
  return {node.input(0).dtype, out};
}

Step bind(const BindContext& context) {
  const SliceAttrs& attrs = context.attrs<SliceAttrs>();
  const TensorType& in = context.input(0)->type;
  const Shape& out = context.output().type.shape;
  const size_t element_bytes = dtype_bytes(in.dtype);
  std::vector<CopyAxis> axes;
  ptrdiff_t start = 0;
  for (int i = 0; i < out.rank; ++i) {
    const ptrdiff_t stride = in.shape.stride(i);
    start += attrs.starts[i] * stride;
    axes.push_back({static_cast<size_t>(out[i]), attrs.steps[i] * stride, out.stride(i)});
  }
  return copy_step(context, StridedCopy(element_bytes, axes),
                   start * static_cast<ptrdiff_t>(element_bytes));
}

}  // namespace

extern const OpDef slice_op = {infer, bind};

}  // namespace edgert
