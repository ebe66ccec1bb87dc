#include "runtime/movers/broadcast.h"

namespace edgert {
namespace {

// Dimension `axis` of `shape` once it has been given `rank` axes by leading ones.
int32_t dim(const Shape& shape, int rank, int axis) {
  const int own = axis - (rank - shape.rank);
  return own < 0 ? 1 : shape[own];
}

std::string list_shapes(const NodeTypes& node) {
  std::string text = to_string(node.shape(0));
  for (int i = 1; i < node.inputs(); ++i)
    text += (i + 1 < node.inputs() ? ", " : " and ") + to_string(node.shape(i));
  return text;
}

}  // namespace

Shape broadcast_shape(const NodeTypes& node) {
  Shape out;
  for (int i = 0; i < node.inputs(); ++i) out.rank = std::max(out.rank, node.shape(i).rank);
  for (int axis = 0; axis < out.rank; ++axis) {
    int32_t size = 1;
    for (int i = 0; i < node.inputs(); ++i) {
      const int32_t own = dim(node.shape(i), out.rank, axis);
      if (own == 1) continue;
      if (size != 1 && own != size)
        node.fail("SHAPE", "shapes %s do not broadcast", list_shapes(node).c_str());
      size = own;
    }
    out[axis] = size;
  }
  return out;
}

template <size_t n>
Broadcast<n>::Broadcast(const BindContext& context) {
  const Shape& out = context.output().type.shape;
  std::array<std::array<size_t, kMaxRank>, n> strides = {};
  for (size_t which = 0; which < n; ++which) {
    size_t stride = 1;
    for (int i = out.rank - 1; i >= 0; --i) {
      const int32_t size = dim(context.input(which)->type.shape, out.rank, i);
      strides[which][i] = size == 1 ? 0 : stride;
      stride *= static_cast<size_t>(size);
    }
  }
  for (int i = 0; i < out.rank; ++i) {
    const size_t size = static_cast<size_t>(out[i]);
    if (size == 1) continue;
    bool merged = rank_ > 0;
    for (size_t which = 0; which < n; ++which)
      merged = merged && strides_[which][rank_ - 1] == strides[which][i] * size;
    if (merged)
      dims_[rank_ - 1] *= size;
    else
      dims_[rank_++] = size;
    for (size_t which = 0; which < n; ++which) strides_[which][rank_ - 1] = strides[which][i];
  }
  if (rank_ == 0) dims_[rank_++] = 1;  // strides of 0: a single element
  for (int i = 0; i + 1 < rank_; ++i) rows_ *= dims_[i];
}

template <size_t n>
BroadcastOperand Broadcast<n>::operand(size_t which, size_t row) const {
  const auto& strides = strides_[which];
  BroadcastOperand result = {0, rank_ < 2 ? 0 : strides[rank_ - 2], strides[rank_ - 1]};
  for (int i = rank_ - 2; i >= 0; --i) {
    result.offset += row % dims_[i] * strides[i];
    row /= dims_[i];
  }
  return result;
}

template class Broadcast<2>;
template class Broadcast<3>;

}  // namespace edgert
