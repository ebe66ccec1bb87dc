// CRC-32 as in zlib, gzip and PNG (polynomial 0x04C11DB7, reflected).
//
// The checksum of n bytes, continued from `crc`, 0 at first: kernel(b, n, kernel(a, m, 0)) is that
// of a + b. Any alignment. Reads nothing but the n bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/cpu.h"

namespace edgert {

constexpr uint32_t kCrc32Polynomial = 0xEDB88320;  // reflected

using Crc32Fn = uint32_t (*)(const void* data, size_t n, uint32_t crc);

struct Crc32Kernel {
  const char* name;
  Isa isa;
  Crc32Fn run;
};

#define KERNEL(symbol, isa) uint32_t symbol(const void* data, size_t n, uint32_t crc);
#include "kernels/crc32/kernels.inc"

const Crc32Kernel& select_crc32(IsaSet isa);

}  // namespace edgert
