// CRC-32 as in zlib, gzip and PNG (polynomial 0x04C11DB7, reflected).
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgert {

// The checksum of `bytes` bytes, continued from `crc`: crc32(b, n, crc32(a, m)) is that of a + b.
uint32_t crc32(const void* data, size_t bytes, uint32_t crc = 0);

}  // namespace edgert
