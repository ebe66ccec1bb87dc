// Constants that are decoded when a file is loaded, whichever decoded form of schema/weights.def
// they have: what the file says of them, and the ways there and back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/tensor.h"

namespace edgert {

// What TensorRecord::facts says of a decoded form: in its lowest 4 bits the form that the elements
// are wanted in, in the next 4 the bits of a code, or kTrits, and above what is claimed of the
// elements in that form.
struct CodedFacts {
  Form wanted = Form::row;
  uint32_t bits = 0;
  uint32_t claimed = 0;
};
CodedFacts decode_coded_facts(uint32_t facts);
uint32_t encode_coded_facts(
    const CodedFacts& facts);  // claims nothing where there is no room for it

// Bytes of the payload; nothing if it cannot hold a constant of this type.
std::optional<uint64_t> coded_bytes(Form form, const TensorType& type, const CodedFacts& facts);

// Whether a payload has nothing but zeros beyond its codes, is_tail_zero() of codes.h.
bool is_tail_zero(Form form, const TensorType& type, uint32_t facts, const std::byte* payload);

// The elements of a payload in rows. The exponent of `shorts` must be in its range.
void decode(Form form, const TensorType& type, uint32_t bits, const std::byte* payload,
            std::byte* rows);

// The shortest payload that gives these elements, bit by bit; nothing if there is none.
struct Coded {
  Form form;
  uint32_t bits;
  std::vector<std::byte> payload;
};
std::optional<Coded> encode(const TensorType& type, const std::byte* rows);

}  // namespace edgert
