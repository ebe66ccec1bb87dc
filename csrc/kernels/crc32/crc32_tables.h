// CRC-32 by tables, for levels whose CPUs have nothing better.
#pragma once

#include "kernels/crc32/crc32.h"

namespace edgert {
namespace {

constexpr int kSlices = 16;

struct Tables {
  uint32_t of[kSlices][256];  // of[s][b]: what the byte b contributes when s more bytes follow it
};

constexpr Tables make_tables() {
  Tables tables{};
  for (uint32_t b = 0; b < 256; ++b) {
    uint32_t crc = b;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? kCrc32Polynomial : 0);
    tables.of[0][b] = crc;
  }
  for (int s = 1; s < kSlices; ++s)
    for (uint32_t b = 0; b < 256; ++b)
      tables.of[s][b] = tables.of[s - 1][b] >> 8 ^ tables.of[0][tables.of[s - 1][b] & 0xFF];
  return tables;
}

constexpr Tables kTables = make_tables();

inline uint32_t load_little_endian(const unsigned char* p) {
  return p[0] | p[1] << 8 | p[2] << 16 | static_cast<uint32_t>(p[3]) << 24;
}

// What four bytes contribute when `behind` more follow them.
inline uint32_t slice(uint32_t word, int behind) {
  const auto& table = kTables.of;
  return table[behind + 3][word & 0xFF] ^ table[behind + 2][word >> 8 & 0xFF] ^
         table[behind + 1][word >> 16 & 0xFF] ^ table[behind][word >> 24];
}

inline void crc32_by_tables(const Crc32& g) {
  const unsigned char* p = static_cast<const unsigned char*>(g.data);
  size_t n = g.n;
  uint32_t crc = ~*g.crc;
  for (; n >= kSlices; n -= kSlices, p += kSlices)
    crc = slice(load_little_endian(p) ^ crc, 12) ^ slice(load_little_endian(p + 4), 8) ^
          slice(load_little_endian(p + 8), 4) ^ slice(load_little_endian(p + 12), 0);
  for (; n > 0; --n) crc = crc >> 8 ^ kTables.of[0][(crc ^ *p++) & 0xFF];
  *g.crc = ~crc;
}

}  // namespace
}  // namespace edgert
