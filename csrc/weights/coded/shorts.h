// Constants as 16-bit multiples of a power of two, schema/weights.def: an i32 exponent, then an
// i16 for each element. Elements are of i32 or f32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/tensor.h"

namespace edgert {

// Bytes of the payload; nothing if it cannot hold a constant of this type.
std::optional<uint64_t> shorts_bytes(const TensorType& type);

// Range of the exponent.
struct ExponentRange {
  int32_t least, most;
};
ExponentRange exponent_range(DType dtype);

// The least exponent with which 16 bits reach the largest of n elements. Nothing if none does, or
// an element is not finite.
std::optional<int32_t> shorts_exponent(DType dtype, const std::byte* elements, size_t n);

// The elements, each rounded to what a payload with this exponent can hold.
void round_to_shorts(DType dtype, int32_t exponent, size_t n, const std::byte* elements,
                     std::byte* rounded);

// The i16 of rounded elements, and back. Payloads need no alignment.
void pack_shorts(DType dtype, int32_t exponent, size_t n, const std::byte* elements,
                 std::byte* shorts);
void unpack_shorts(DType dtype, int32_t exponent, size_t n, const std::byte* shorts,
                   std::byte* elements);

}  // namespace edgert
