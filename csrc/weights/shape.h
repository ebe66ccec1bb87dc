// The shape of a weight, however it lies.
#pragma once

#include <cstddef>

#include "core/tensor.h"

namespace edgert {

// In rows it is [outputs][taps][channels]: of each output the taps of its filter, of each tap what
// meets an input channel. A matrix has one tap. `outputs` are those of all groups, `row_taps` the
// taps of a row of the filter.
struct WeightShape {
  size_t outputs = 1, taps = 1, channels = 1, groups = 1, row_taps = 1;

  size_t depth() const { return taps * channels; }
  size_t elements() const { return outputs * depth(); }
};

// That of a constant as files have it, outputs first and channels last. In a file panels never hold
// outputs of two groups: there the groups make no difference.
inline WeightShape weight_shape(const Shape& shape) {
  WeightShape w;
  if (shape.rank > 0) w.outputs = static_cast<size_t>(shape[0]);
  if (shape.rank > 1) {
    w.taps = shape.elements(1, shape.rank - 1);
    w.channels = static_cast<size_t>(shape[shape.rank - 1]);
    if (shape.rank > 2) w.row_taps = static_cast<size_t>(shape[shape.rank - 2]);
  }
  return w;
}

}  // namespace edgert
