#include "runtime/file/checksum.h"

#include "kernels/crc32/crc32.h"

namespace edgert {
namespace {

constexpr uint32_t kOne = 0x80000000;  // as a polynomial: the highest bit is that of x^0

// The product modulo the polynomial.
uint32_t product(uint32_t a, uint32_t b) {
  uint32_t sum = 0;
  for (uint32_t bit = kOne; bit != 0; bit >>= 1) {
    if (b & bit) sum ^= a;
    a = a >> 1 ^ (a & 1 ? kCrc32Polynomial : 0);
  }
  return sum;
}

}  // namespace

uint32_t checksum(IsaSet isa, const void* data, uint64_t bytes, uint32_t crc) {
  select_crc32(isa).run({data, static_cast<size_t>(bytes), &crc});
  return crc;
}

uint32_t joined_checksum(uint32_t first, uint32_t second, uint64_t second_bytes) {
  uint32_t moved = first;  // by x^8 for each byte behind it
  for (uint32_t power = kOne >> 8; second_bytes > 0; second_bytes >>= 1) {
    if (second_bytes & 1) moved = product(moved, power);
    power = product(power, power);
  }
  return moved ^ second;
}

}  // namespace edgert
