// CRC-32 as in zlib, gzip and PNG (polynomial 0x04C11DB7, reflected).
//
// The checksum of n bytes that go on where those that `crc` is of have ended. Any alignment. Reads
// nothing but the n bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernel.h"

namespace edgert {

constexpr uint32_t kCrc32Polynomial = 0xEDB88320;  // reflected

struct Crc32 {
  const void* data;
  size_t n;
  uint32_t* crc;  // of what comes before, 0 of nothing; then that of all
};

using Crc32Kernel = Kernel<Crc32>;

#define KERNEL(symbol, isa) void symbol(const Crc32&);
#include "kernels/crc32/kernels.inc"

const Crc32Kernel& select_crc32(IsaSet isa);

}  // namespace edgert
