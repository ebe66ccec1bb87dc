// By multiplications without carries: every CPU with AVX2 has them.
#include <immintrin.h>

#include "kernels/crc32/crc32.h"

namespace edgert {
namespace {

// x^n modulo the polynomial, its bits reversed as those of the data, and moved up by one: the
// product of two reversed factors lies a bit lower than the reversed product.
constexpr int64_t power_of_x(int n) {
  uint32_t power = 0x80000000;
  for (int i = 0; i < n; ++i) power = power >> 1 ^ (power & 1 ? kCrc32Polynomial : 0);
  return int64_t{power} << 1;
}

__m128i load(const unsigned char* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}

// 16 bytes that leave the same remainder as `bytes` with `bits` zeros behind them. The half that
// comes first in the data stands 64 bits higher. A product has 96 bits and starts where one of 128
// would: that is 32 bits too high.
template <int bits>
__m128i moved(__m128i bytes) {
  constexpr int64_t high = power_of_x(bits - 32), low = power_of_x(bits + 32);
  const __m128i powers = _mm_set_epi64x(high, low);
  return _mm_xor_si128(_mm_clmulepi64_si128(bytes, powers, 0x00),
                       _mm_clmulepi64_si128(bytes, powers, 0x11));
}

}  // namespace

void crc32_avx2(const Crc32& g) {
  constexpr size_t kBlock = 64;  // four chains hide the latency of a multiplication
  if (g.n < kBlock) return crc32_portable(g);
  const unsigned char* p = static_cast<const unsigned char*>(g.data);
  size_t n = g.n;
  __m128i sums[4];
  for (int i = 0; i < 4; ++i) sums[i] = load(p + 16 * i);
  sums[0] = _mm_xor_si128(sums[0], _mm_cvtsi32_si128(static_cast<int>(~*g.crc)));
  for (p += kBlock, n -= kBlock; n >= kBlock; p += kBlock, n -= kBlock)
    for (int i = 0; i < 4; ++i) sums[i] = _mm_xor_si128(moved<512>(sums[i]), load(p + 16 * i));
  __m128i sum = sums[0];
  for (int i = 1; i < 4; ++i) sum = _mm_xor_si128(moved<128>(sum), sums[i]);
  for (; n >= 16; p += 16, n -= 16) sum = _mm_xor_si128(moved<128>(sum), load(p));
  unsigned char bytes[16];
  _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes), sum);
  *g.crc = ~uint32_t{0};
  crc32_portable({bytes, sizeof bytes, g.crc});
  crc32_portable({p, n, g.crc});
}

}  // namespace edgert
