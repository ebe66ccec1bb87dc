// How payloads hold the elements of constants, as schema/encodings.def says.
#pragma once

#include "core/memory.h"
#include "runtime/tensor.h"

namespace edgert {

const char* encoding_name(Encoding encoding);

// Bytes of the payload of a constant whose type is in bounds; nothing if it cannot be held so.
std::optional<uint64_t> payload_bytes(const TensorType& type, Layout layout, Encoding encoding);

// What the offset of a payload is a multiple of: elements that are used in place lie as kernels
// want them, others without padding.
uint64_t payload_alignment(Encoding encoding);

// Range of the exponent of `shorts`.
struct ExponentRange {
  int32_t least, most;
};
ExponentRange exponent_range(DType dtype);

// The elements of a constant from the `shorts`, any alignment, with an exponent in range.
Buffer decode_shorts(const TensorType& type, int32_t exponent, const std::byte* shorts);

}  // namespace edgert
