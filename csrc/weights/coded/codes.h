// Constants of few different elements as places in a table, schema/weights.def.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace edgert {

constexpr uint32_t kMaxCodeBits = 8;
constexpr uint32_t kTrits = 9;  // in the place of bits: codes of three elements, five to a byte

// Bytes of the payload of n elements of 1, 2, 4 or 8 bytes.
uint64_t codes_bytes(size_t element_bytes, uint32_t bits, uint64_t n);

// The shortest payload; nothing if there are more than 2^8 different elements, or if it would have
// more than `most` bytes. The table rises by the bits of its elements, and is filled up with the
// last.
struct Codes {
  uint32_t bits;
  std::vector<std::byte> payload;
};
std::optional<Codes> pack_codes(size_t element_bytes, const std::byte* elements, size_t n,
                                uint64_t most);

void unpack_codes(size_t element_bytes, uint32_t bits, const std::byte* payload, size_t n,
                  std::byte* elements);

// Whether the bits behind the last code are zero, and bytes are no more than five trits.
bool is_tail_zero(size_t element_bytes, uint32_t bits, const std::byte* payload, size_t n);

}  // namespace edgert
