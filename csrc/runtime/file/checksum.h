// Checksums of the parts of a file.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/cpu.h"

namespace edgert {

// The checksum of bytes, of which `crc` is that of those before them.
uint32_t checksum(IsaSet isa, const void* data, uint64_t bytes, uint32_t crc = 0);

// The checksum of two parts that follow each other, from those of each: of the second, which has
// so many bytes, as if nothing came before it.
uint32_t joined_checksum(uint32_t first, uint32_t second, uint64_t second_bytes);

}  // namespace edgert
