// Weights as the transposed matrix [depth][outputs]: for each tap of depthwise filters a row of
// channels.
#pragma once

#include <cstdint>
#include <type_traits>

#include "weights/shape.h"

namespace edgert {

class Kn {
 public:
  explicit Kn(const WeightShape& shape) : outputs_(shape.outputs), depth_(shape.depth()) {}

  size_t outputs() const { return outputs_; }
  uint64_t elements() const { return uint64_t{outputs_} * depth_; }
  template <typename From, typename To>
  void pack(const From* rows, To* stored) const {
    for_runs([=](size_t, size_t row, size_t place, auto) { stored[place] = rows[row]; });
  }
  template <typename T>
  void unpack(const T* stored, T* rows) const {
    for_runs([=](size_t, size_t row, size_t place, auto) { rows[row] = stored[place]; });
  }
  template <typename T>
  bool is_filled_with_zeros(const T*) const {
    return true;  // nothing fills it up
  }

  // Calls visit(output, place in rows, place in the matrix, 1) for all weights.
  template <typename Visit>
  void for_runs(const Visit& visit) const {
    for (size_t p = 0; p < depth_; ++p)
      for (size_t o = 0; o < outputs_; ++o)
        visit(o, o * depth_ + p, p * outputs_ + o, std::integral_constant<size_t, 1>{});
  }

 private:
  size_t outputs_, depth_;
};

}  // namespace edgert
