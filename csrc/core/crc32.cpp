#include "core/crc32.h"

#include <array>

namespace edgert {
namespace {

constexpr int kSlices = 8;
using Tables = std::array<std::array<uint32_t, 256>, kSlices>;

// tables[s][b]: what the byte b contributes when s more bytes follow it.
constexpr Tables make_tables() {
  Tables tables{};
  for (uint32_t b = 0; b < 256; ++b) {
    uint32_t crc = b;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    tables[0][b] = crc;
  }
  for (int s = 1; s < kSlices; ++s)
    for (uint32_t b = 0; b < 256; ++b)
      tables[s][b] = tables[s - 1][b] >> 8 ^ tables[0][tables[s - 1][b] & 0xFF];
  return tables;
}

constexpr Tables kTables = make_tables();

uint32_t load_little_endian(const unsigned char* p) {
  return p[0] | p[1] << 8 | p[2] << 16 | static_cast<uint32_t>(p[3]) << 24;
}

}  // namespace

uint32_t crc32(const void* data, size_t bytes, uint32_t crc) {
  const unsigned char* p = static_cast<const unsigned char*>(data);
  crc = ~crc;
  for (; bytes >= kSlices; bytes -= kSlices, p += kSlices) {
    const uint32_t low = load_little_endian(p) ^ crc, high = load_little_endian(p + 4);
    crc = kTables[7][low & 0xFF] ^ kTables[6][low >> 8 & 0xFF] ^ kTables[5][low >> 16 & 0xFF] ^
          kTables[4][low >> 24] ^ kTables[3][high & 0xFF] ^ kTables[2][high >> 8 & 0xFF] ^
          kTables[1][high >> 16 & 0xFF] ^ kTables[0][high >> 24];
  }
  for (; bytes > 0; --bytes) crc = crc >> 8 ^ kTables[0][(crc ^ *p++) & 0xFF];
  return ~crc;
}

}  // namespace edgert
