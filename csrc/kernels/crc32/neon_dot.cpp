// By the CRC instructions: every CPU with dot products has them.
#include <arm_acle.h>

#include "kernels/crc32/crc32.h"

namespace edgert {

void crc32_neon_dot(const Crc32& g) {
  const unsigned char* p = static_cast<const unsigned char*>(g.data);
  size_t n = g.n;
  uint32_t crc = ~*g.crc;
  for (; n >= 8; n -= 8, p += 8) {
    uint64_t word;
    __builtin_memcpy(&word, p, 8);
    crc = __crc32d(crc, word);
  }
  for (; n > 0; --n) crc = __crc32b(crc, *p++);
  *g.crc = ~crc;
}

}  // namespace edgert
