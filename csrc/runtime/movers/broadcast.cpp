#include "runtime/movers/broadcast.h"

namespace edgert {
namespace {

// Dimension `axis` of `shape` once it has been given `rank` axes by leading ones.
int32_t dim(const Shape& shape, int rank, int axis) {
  const int own = axis - (rank - shape.rank);
  return own < 0 ? 1 : shape[own];
}

}  // namespace

Shape broadcast_shape(const NodeTypes& node) {
  const Shape &a = node.shape(0), &b = node.shape(1);
  Shape out;
  out.rank = std::max(a.rank, b.rank);
  for (int i = 0; i < out.rank; ++i) {
    const int32_t x = dim(a, out.rank, i), y = dim(b, out.rank, i);
    if (x != y && x != 1 && y != 1)
      node.fail("SHAPE", "shapes %s and %s do not broadcast", to_string(a).c_str(),
                to_string(b).c_str());
    out[i] = x == 1 ? y : x;
  }
  return out;
}

Broadcast::Broadcast(const Shape& out, const Shape& a, const Shape& b) {
  std::array<std::array<size_t, kMaxRank>, 2> strides = {};
  const Shape* const shapes[2] = {&a, &b};
  for (int which = 0; which < 2; ++which) {
    size_t stride = 1;
    for (int i = out.rank - 1; i >= 0; --i) {
      const int32_t size = dim(*shapes[which], out.rank, i);
      strides[which][i] = size == 1 ? 0 : stride;
      stride *= static_cast<size_t>(size);
    }
  }
  for (int i = 0; i < out.rank; ++i) {
    const size_t size = static_cast<size_t>(out[i]);
    if (size == 1) continue;
    bool merged = rank_ > 0;
    for (int which = 0; which < 2; ++which)
      merged = merged && strides_[which][rank_ - 1] == strides[which][i] * size;
    if (merged)
      dims_[rank_ - 1] *= size;
    else
      dims_[rank_++] = size;
    for (int which = 0; which < 2; ++which) strides_[which][rank_ - 1] = strides[which][i];
  }
  if (rank_ == 0) dims_[rank_++] = 1;  // strides of 0: a single element
  for (int i = 0; i + 1 < rank_; ++i) rows_ *= dims_[i];
}

Broadcast::Operand Broadcast::operand(int which, size_t row) const {
  const auto& strides = strides_[which];
  Operand result = {0, rank_ < 2 ? 0 : strides[rank_ - 2], strides[rank_ - 1]};
  for (int i = rank_ - 2; i >= 0; --i) {
    result.offset += row % dims_[i] * strides[i];
    row /= dims_[i];
  }
  return result;
}

}  // namespace edgert
