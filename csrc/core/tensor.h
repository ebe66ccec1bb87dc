// Shapes and tensor types.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "schema/attrs.h"
#include "schema/enums.h"

namespace edgert {

struct Shape {
  int rank = 0;
  std::array<int32_t, kMaxRank> dims = {};  // entries from `rank` on are zero

  int32_t operator[](int axis) const { return dims[axis]; }
  int32_t& operator[](int axis) { return dims[axis]; }
  bool operator==(const Shape& o) const { return rank == o.rank && dims == o.dims; }
  bool operator!=(const Shape& o) const { return !(*this == o); }

  // Product of dims[first .. last). The validator has bounded it by kMaxTensorBytes.
  size_t elements(int first, int last) const {
    size_t n = 1;
    for (int i = first; i < last; ++i) n *= static_cast<size_t>(dims[i]);
    return n;
  }
  size_t elements() const { return elements(0, rank); }
  // Elements between neighbours along `axis`, in C order.
  ptrdiff_t stride(int axis) const { return static_cast<ptrdiff_t>(elements(axis + 1, rank)); }
};

std::string to_string(const Shape& shape);  // "[1, 3, 224, 224]"

const char* dtype_name(DType dtype);
size_t dtype_bytes(DType dtype);
const char* op_name(Op op);

// What an operator knows of a tensor when it infers its output.
struct TensorType {
  DType dtype = DType::f32;
  Shape shape;

  size_t bytes() const { return shape.elements() * dtype_bytes(dtype); }
  bool operator==(const TensorType& o) const { return dtype == o.dtype && shape == o.shape; }
  bool operator!=(const TensorType& o) const { return !(*this == o); }
};

std::string describe(const TensorType& type);  // "float32[1, 3, 224, 224]"

// The most bytes that a tensor may have: kMaxTensorBytes, or what this machine can address.
uint64_t max_tensor_bytes();

// What must not exceed that: the product of the dimensions, in bytes, or UINT64_MAX if it is more.
// Dimensions of zero count as one, so that partial products are safe. No dimension may be negative.
uint64_t bounding_bytes(const TensorType& type);

// Whether no dimension is negative and the bytes are not too many.
bool in_bounds(const TensorType& type);

}  // namespace edgert
