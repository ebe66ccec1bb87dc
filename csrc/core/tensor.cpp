#include "core/tensor.h"

#include <algorithm>

#include "schema/format.h"

namespace edgert {

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (int i = 0; i < shape.rank; ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape.dims[i]);
  return text + "]";
}

std::string describe(const TensorType& type) {
  return dtype_name(type.dtype) + to_string(type.shape);
}

uint64_t max_tensor_bytes() { return std::min(kMaxTensorBytes, uint64_t{PTRDIFF_MAX}); }

uint64_t bounding_bytes(const TensorType& type) {
  uint64_t bytes = dtype_bytes(type.dtype);
  for (int i = 0; i < type.shape.rank; ++i) {
    const uint64_t dim = static_cast<uint64_t>(std::max(type.shape[i], 1));
    if (bytes > UINT64_MAX / dim) return UINT64_MAX;
    bytes *= dim;
  }
  return bytes;
}

bool in_bounds(const TensorType& type) {
  for (int i = 0; i < type.shape.rank; ++i)
    if (type.shape[i] < 0) return false;
  return bounding_bytes(type) <= max_tensor_bytes();
}

const char* dtype_name(DType dtype) {
  switch (dtype) {
#define X(name, id, bits, numpy) \
  case DType::name:              \
    return numpy;
#include "schema/dtypes.def"
#undef X
  }
  return "?";
}

size_t dtype_bytes(DType dtype) {
  switch (dtype) {
#define X(name, id, bits, numpy) \
  case DType::name:              \
    return (bits) / 8;
#include "schema/dtypes.def"
#undef X
  }
  return 0;
}

const char* op_name(Op op) {
  switch (op) {
#define X(name, ...) \
  case Op::name:     \
    return #name;
#include "schema/ops.def"
#undef X
  }
  return "?";
}

}  // namespace edgert
