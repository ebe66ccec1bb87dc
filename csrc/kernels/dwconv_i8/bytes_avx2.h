// Vectors of 16 and 32 bytes for dwconv_i8_block.h.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "schema/attrs.h"

namespace edgert {
namespace {

struct Bytes16 {
  static constexpr int kChannels = 16;
  using Row = __m128i;
  static Row load(const void* p) { return _mm_loadu_si128(static_cast<const Row*>(p)); }
  // The first n, 1 .. 15; zeros above them. In two parts that overlap.
  static Row load(const void* p, int n) {
    const char* const from = static_cast<const char*>(p);
    uint64_t low = 0, high = 0;
    if (n >= 8) {
      __builtin_memcpy(&low, from, 8);
      __builtin_memcpy(&high, from + n - 8, 8);
      high = n == 8 ? 0 : high >> (8 * (16 - n));
    } else if (n >= 4) {
      uint32_t first, last;
      __builtin_memcpy(&first, from, 4);
      __builtin_memcpy(&last, from + n - 4, 4);
      low = first | static_cast<uint64_t>(last) << (8 * (n - 4));
    } else {
      for (int i = 0; i < n; ++i)
        low |= static_cast<uint64_t>(static_cast<uint8_t>(from[i])) << (8 * i);
    }
    return _mm_set_epi64x(static_cast<long long>(high), static_cast<long long>(low));
  }
  static void store(void* p, Row v) { _mm_storeu_si128(static_cast<Row*>(p), v); }
  static void store(void* p, Row v, int n) {
    uint8_t* to = static_cast<uint8_t*>(p);
    uint64_t part = static_cast<uint64_t>(_mm_cvtsi128_si64(v));
    if (n >= 8) {
      __builtin_memcpy(to, &part, 8);
      part = static_cast<uint64_t>(_mm_extract_epi64(v, 1));
      to += 8;
      n -= 8;
    }
    for (int i = 0; i < n; ++i) to[i] = static_cast<uint8_t>(part >> (8 * i));
  }
  static Row fill(uint8_t x) { return _mm_set1_epi8(static_cast<char>(x)); }
  static Row unpack_low8(Row a, Row b) { return _mm_unpacklo_epi8(a, b); }
  static Row unpack_high8(Row a, Row b) { return _mm_unpackhi_epi8(a, b); }
  static Row unpack_low16(Row a, Row b) { return _mm_unpacklo_epi16(a, b); }
  static Row unpack_high16(Row a, Row b) { return _mm_unpackhi_epi16(a, b); }
  static Row signs8(Row a) { return _mm_cmpgt_epi8(_mm_setzero_si128(), a); }
  static Row add_pairs(Row sum, Row x, Row w) { return _mm_add_epi32(sum, _mm_madd_epi16(x, w)); }

  class Narrow {
   public:
    explicit Narrow(const Requantize& r)
        : zero_(_mm_set1_epi16(static_cast<int16_t>(r.zero))),
          low_(fill(static_cast<uint8_t>(r.low))),
          high_(fill(static_cast<uint8_t>(r.high))) {}
    Row operator()(const Row* sums, const float* multipliers) const {
      const Row low = half(sums, multipliers);
      const Row high = half(sums + 2, multipliers + 8);
      return _mm_min_epu8(_mm_max_epu8(_mm_packus_epi16(low, high), low_), high_);
    }

   private:
    Row half(const Row* sums, const float* multipliers) const {
      return _mm_adds_epi16(
          _mm_packs_epi32(round(sums[0], multipliers), round(sums[1], multipliers + 4)), zero_);
    }
    Row round(Row sum, const float* multipliers) const {
      return _mm_cvtps_epi32(_mm_mul_ps(_mm_cvtepi32_ps(sum), _mm_loadu_ps(multipliers)));
    }
    Row zero_, low_, high_;
  };
};

struct Bytes32 {
  static constexpr int kChannels = 32;
  using Row = __m256i;
  static Row load(const void* p) { return _mm256_loadu_si256(static_cast<const Row*>(p)); }
  static Row load(const void* p, int n) {  // the first n, 16 .. 31
    const char* const from = static_cast<const char*>(p);
    return _mm256_set_m128i(n == 16 ? _mm_setzero_si128() : Bytes16::load(from + 16, n - 16),
                            Bytes16::load(from));
  }
  static void store(void* p, Row v) { _mm256_storeu_si256(static_cast<Row*>(p), v); }
  static void store(void* p, Row v, int n) {
    Bytes16::store(p, _mm256_castsi256_si128(v));
    Bytes16::store(static_cast<char*>(p) + 16, _mm256_extracti128_si256(v, 1), n - 16);
  }
  static Row fill(uint8_t x) { return _mm256_set1_epi8(static_cast<char>(x)); }
  static Row unpack_low8(Row a, Row b) { return _mm256_unpacklo_epi8(a, b); }
  static Row unpack_high8(Row a, Row b) { return _mm256_unpackhi_epi8(a, b); }
  static Row unpack_low16(Row a, Row b) { return _mm256_unpacklo_epi16(a, b); }
  static Row unpack_high16(Row a, Row b) { return _mm256_unpackhi_epi16(a, b); }
  static Row signs8(Row a) { return _mm256_cmpgt_epi8(_mm256_setzero_si256(), a); }
  static Row add_pairs(Row sum, Row x, Row w) {
    __asm__("vpaddd %1, %0, %0" : "+x"(sum) : "x"(_mm256_madd_epi16(x, w)));
    return sum;
  }

  class Narrow {
   public:
    explicit Narrow(const Requantize& r)
        : zero_(_mm256_set1_epi16(static_cast<int16_t>(r.zero))),
          low_(fill(static_cast<uint8_t>(r.low))),
          high_(fill(static_cast<uint8_t>(r.high))) {}
    Row operator()(const Row* sums, const float* multipliers) const {
      const Row low = half(sums, multipliers);
      const Row high = half(sums + 2, multipliers + 16);
      return _mm256_min_epu8(_mm256_max_epu8(_mm256_packus_epi16(low, high), low_), high_);
    }

   private:
    Row half(const Row* sums, const float* multipliers) const {
      return _mm256_adds_epi16(
          _mm256_packs_epi32(round(sums[0], multipliers), round(sums[1], multipliers + 8)), zero_);
    }
    Row round(Row sum, const float* multipliers) const {
      return _mm256_cvtps_epi32(
          _mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_loadu_ps(multipliers)));
    }
    Row zero_, low_, high_;
  };
};

}  // namespace
}  // namespace edgert
