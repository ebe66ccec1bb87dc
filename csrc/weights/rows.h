// Weights in rows: the elements in C order of the shape, as everybody else has them.
#pragma once

#include <algorithm>
#include <cstdint>

#include "weights/shape.h"

namespace edgert {

class Rows {
 public:
  explicit Rows(const WeightShape& shape) : elements_(shape.elements()) {}

  uint64_t elements() const { return elements_; }
  template <typename From, typename To>
  void pack(const From* rows, To* stored) const {
    std::copy_n(rows, elements_, stored);
  }
  template <typename T>
  void unpack(const T* stored, T* rows) const {
    std::copy_n(stored, elements_, rows);
  }
  template <typename T>
  bool is_filled_with_zeros(const T*) const {
    return true;  // nothing fills it up
  }

 private:
  size_t elements_;
};

}  // namespace edgert
