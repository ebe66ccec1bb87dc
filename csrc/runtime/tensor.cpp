#include "runtime/tensor.h"

namespace edgert {

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (int i = 0; i < shape.rank; ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(shape.dims[i]);
  return text + "]";
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

const char* layout_name(Layout layout) {
  switch (layout) {
#define X(name, id)    \
  case Layout::name: \
    return #name;
#include "schema/layouts.def"
#undef X
  }
  return "?";
}

const char* op_name(Op op) {
  switch (op) {
#define X(name, id, attrs, min_inputs, max_inputs) \
  case Op::name:                                   \
    return #name;
#include "schema/ops.def"
#undef X
  }
  return "?";
}

}  // namespace edgert
