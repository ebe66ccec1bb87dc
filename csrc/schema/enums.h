// The enumerations of the file, expanded from the .def lists.
#pragma once

#include <cstdint>

namespace edgert {

enum class DType : uint8_t {
#define X(name, id, bits, numpy) name = id,
#include "schema/dtypes.def"
#undef X
};

enum class Form : uint8_t {
#define X(name, id, least_rank, kind) name = id,
#include "schema/weights.def"
#undef X
};

// How a form holds elements: where kernels read them, only those that are not zero, as codes that
// kernels look up, or as such that are looked up when the file is loaded. Of a number that is no
// form: unknown.
enum class FormKind { unknown, ordered, sparse, packed, decoded };

constexpr FormKind kind_of(Form form) {
  switch (form) {
#define X(name, id, least_rank, kind) \
  case Form::name:                    \
    return FormKind::kind;
#include "schema/weights.def"
#undef X
  }
  return FormKind::unknown;
}

enum class Op : uint16_t {
#define X(name, id, ...) name = id,
#include "schema/ops.def"
#undef X
};

enum class UnaryFn : int32_t {
#define UNARY(name, id) name = id,
#include "schema/functions.def"
};

enum class BinaryFn : int32_t {
#define BINARY(name, id) name = id,
#include "schema/functions.def"
};

enum class CompareFn : int32_t {
#define COMPARISON(name, id) name = id,
#include "schema/functions.def"
};

enum class ReduceFn : int32_t {
#define REDUCTION(name, id) name = id,
#include "schema/functions.def"
};

enum class PadMode : int32_t {
#define PAD_MODE(name, id) name = id,
#include "schema/modes.def"
};

enum class ResizeMode : int32_t {
#define RESIZE_MODE(name, id) name = id,
#include "schema/modes.def"
};

}  // namespace edgert
