// Vectors of eight floats. Local to the file that includes it: it is compiled with AVX2 and FMA.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace edgert {
namespace {

struct Mask {  // a truth value per lane
  __m256 v;
};

struct I32 {
  __m256i v;
  static I32 zero() { return {_mm256_setzero_si256()}; }
  static I32 broadcast(int32_t x) { return {_mm256_set1_epi32(x)}; }
  static I32 load(const int32_t* p) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
  }
  void store(int32_t* p) const { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
};

struct F32 {
  static constexpr int kLanes = 8;
  static constexpr bool kFused = true;  // accumulate() rounds once
  __m256 v;

  static F32 zero() { return {_mm256_setzero_ps()}; }
  static F32 broadcast(float x) { return {_mm256_set1_ps(x)}; }
  static F32 broadcast(const float* p) { return {_mm256_broadcast_ss(p)}; }
  static F32 load(const float* p) { return {_mm256_loadu_ps(p)}; }
  // The first n (0 .. kLanes) elements; the other lanes are zero and their memory is not touched.
  static F32 load(const float* p, int n) { return {_mm256_maskload_ps(p, mask(n))}; }
  void store(float* p) const { _mm256_storeu_ps(p, v); }
  void store(float* p, int n) const { _mm256_maskstore_ps(p, mask(n), v); }
  float first() const { return _mm256_cvtss_f32(v); }
  // True for the first n (0 .. kLanes) lanes.
  static Mask first_lanes(int n) { return {_mm256_castsi256_ps(mask(n))}; }

 private:
  static __m256i mask(int n) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), lane);
  }
};

inline F32 operator+(F32 a, F32 b) { return {_mm256_add_ps(a.v, b.v)}; }
inline F32 operator-(F32 a, F32 b) { return {_mm256_sub_ps(a.v, b.v)}; }
inline F32 operator*(F32 a, F32 b) { return {_mm256_mul_ps(a.v, b.v)}; }
inline F32 operator/(F32 a, F32 b) { return {_mm256_div_ps(a.v, b.v)}; }
#ifdef EDGERT_ROUND_TWICE
// a * b + c, rounded twice, for kernels whose bits must be those of CPUs that cannot do otherwise.
inline F32 fma(F32 a, F32 b, F32 c) { return a * b + c; }
#else
// a * b + c, rounded once.
inline F32 fma(F32 a, F32 b, F32 c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
#endif
// The same everywhere, for finite operands.
inline F32 fma_once(F32 a, F32 b, F32 c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
// The same, for chains: always the form that overwrites c. With the intrinsic gcc 12 moves
// long-lived accumulators between registers, and spills them.
inline F32 accumulate(F32 c, F32 a, F32 b) {
  __asm__("vfmadd231ps %2, %1, %0" : "+x"(c.v) : "x"(a.v), "x"(b.v));
  return c;
}
// The second operand if either is NaN, as in `a > b ? a : b`.
inline F32 max(F32 a, F32 b) { return {_mm256_max_ps(a.v, b.v)}; }
inline F32 min(F32 a, F32 b) { return {_mm256_min_ps(a.v, b.v)}; }
inline F32 sqrt(F32 a) { return {_mm256_sqrt_ps(a.v)}; }
inline F32 floor(F32 a) { return {_mm256_floor_ps(a.v)}; }
inline F32 ceil(F32 a) { return {_mm256_ceil_ps(a.v)}; }
inline F32 round(F32 a) {  // half to even
  return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}

inline Mask operator<(F32 a, F32 b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)}; }
inline Mask operator==(F32 a, F32 b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_EQ_OQ)}; }
inline Mask is_nan(F32 a) { return {_mm256_cmp_ps(a.v, a.v, _CMP_UNORD_Q)}; }
inline F32 select(Mask m, F32 a, F32 b) { return {_mm256_blendv_ps(b.v, a.v, m.v)}; }

inline I32 operator+(I32 a, I32 b) { return {_mm256_add_epi32(a.v, b.v)}; }  // modulo 2^32
inline I32 operator-(I32 a, I32 b) { return {_mm256_sub_epi32(a.v, b.v)}; }
inline I32 operator&(I32 a, I32 b) { return {_mm256_and_si256(a.v, b.v)}; }
inline I32 operator|(I32 a, I32 b) { return {_mm256_or_si256(a.v, b.v)}; }
inline I32 operator^(I32 a, I32 b) { return {_mm256_xor_si256(a.v, b.v)}; }
template <int kBits>
inline I32 shift_left(I32 a) {
  return {_mm256_slli_epi32(a.v, kBits)};
}
template <int kBits>
inline I32 shift_right(I32 a) {  // the sign fills
  return {_mm256_srai_epi32(a.v, kBits)};
}
inline I32 bits(F32 a) { return {_mm256_castps_si256(a.v)}; }
inline F32 from_bits(I32 a) { return {_mm256_castsi256_ps(a.v)}; }
inline F32 to_f32(I32 a) { return {_mm256_cvtepi32_ps(a.v)}; }
inline I32 to_i32(F32 a) { return {_mm256_cvtps_epi32(a.v)}; }  // half to even; |a| < 2^31
inline I32 operator*(I32 a, I32 b) { return {_mm256_mullo_epi32(a.v, b.v)}; }

// Bytes, four per lane.
inline I32 load_bytes(const uint8_t* p) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
}
inline void store_bytes(uint8_t* p, I32 a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a.v);
}
inline I32 max_u8(I32 a, I32 b) { return {_mm256_max_epu8(a.v, b.v)}; }
// The floats 2^23 + byte, in an order that the instruction set prefers.
inline void widen_u8(I32 bytes, F32 (&v)[4]) {
  const __m256i zero = _mm256_setzero_si256(), exponent = _mm256_set1_epi16(0x4b00);
  const __m256i low = _mm256_unpacklo_epi8(bytes.v, zero);
  const __m256i high = _mm256_unpackhi_epi8(bytes.v, zero);
  v[0] = {_mm256_castsi256_ps(_mm256_unpacklo_epi16(low, exponent))};
  v[1] = {_mm256_castsi256_ps(_mm256_unpackhi_epi16(low, exponent))};
  v[2] = {_mm256_castsi256_ps(_mm256_unpacklo_epi16(high, exponent))};
  v[3] = {_mm256_castsi256_ps(_mm256_unpackhi_epi16(high, exponent))};
}

// The first n (0 .. 8) bytes of a word, the others zero. Branches instead of a loop, of which the
// compiler makes kilobytes.
inline uint64_t load_first_bytes(const uint8_t* p, int n) {
  uint64_t word = 0;
  if (n & 8) {
    __builtin_memcpy(&word, p, 8);
    return word;
  }
  if (n & 1) word = p[n - 1];
  if (n & 2) {
    uint16_t two;
    __builtin_memcpy(&two, p + (n & 4), 2);
    word = word << 16 | two;
  }
  if (n & 4) {
    uint32_t four;
    __builtin_memcpy(&four, p, 4);
    word = word << 32 | four;
  }
  return word;
}
inline void store_first_bytes(uint8_t* p, int n, uint64_t word) {
  if (n & 8) {
    __builtin_memcpy(p, &word, 8);
    return;
  }
  if (n & 4) {
    __builtin_memcpy(p, &word, 4);
    p += 4;
    word >>= 32;
  }
  if (n & 2) {
    __builtin_memcpy(p, &word, 2);
    p += 2;
    word >>= 16;
  }
  if (n & 1) *p = static_cast<uint8_t>(word);
}

// Bytes, one per lane.
inline I32 load_u8(const uint8_t* p) {
  return {_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)))};
}
inline I32 load_u8(const uint8_t* p, int n) {  // the first n; the other lanes are zero
  return {_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<long long>(load_first_bytes(p, n))))};
}
inline uint64_t pack_u8(I32 a) {  // lanes in 0 .. 255
  const __m128i words =
      _mm_packus_epi32(_mm256_castsi256_si128(a.v), _mm256_extracti128_si256(a.v, 1));
  return static_cast<uint64_t>(_mm_cvtsi128_si64(_mm_packus_epi16(words, words)));
}
inline void store_u8(uint8_t* p, I32 a) {
  const uint64_t bytes = pack_u8(a);
  __builtin_memcpy(p, &bytes, 8);
}
inline void store_u8(uint8_t* p, I32 a, int n) { store_first_bytes(p, n, pack_u8(a)); }

// Integers of 16 bits, one per lane.
inline I32 load_i16(const int16_t* p) {
  return {_mm256_cvtepi16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
__attribute__((noinline)) inline I32 load_i16(const int16_t* p,
                                              int n) {  // the first n; the other lanes are zero
  int16_t words[8] = {};
  for (int i = 0; i < n; ++i) words[i] = p[i];
  return load_i16(words);
}
inline void store_i16(int16_t* p, I32 a) {  // lanes in -2^15 .. 2^15 - 1
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm_packs_epi32(_mm256_castsi256_si128(a.v), _mm256_extracti128_si256(a.v, 1)));
}
__attribute__((noinline)) inline void store_i16(int16_t* p, I32 a, int n) {
  int16_t words[8];
  store_i16(words, a);
  for (int i = 0; i < n; ++i) p[i] = words[i];
}

// The entries of a table at a vector of bytes; by single loads, gathers are slow on many CPUs.
inline I32 gather(const int32_t* table, const uint8_t* x) {
  return {_mm256_setr_epi32(table[x[0]], table[x[1]], table[x[2]], table[x[3]], table[x[4]],
                            table[x[5]], table[x[6]], table[x[7]])};
}

// Sums of bytes and of their squares, spread over the lanes.
struct ByteMoments {
  I32 sums = I32::zero(), squares = I32::zero();
  void add(I32 bytes) {
    const __m256i zero = _mm256_setzero_si256();
    const __m256i low = _mm256_unpacklo_epi8(bytes.v, zero);
    const __m256i high = _mm256_unpackhi_epi8(bytes.v, zero);
    sums = sums + I32{_mm256_sad_epu8(bytes.v, zero)};
    squares = squares + I32{_mm256_madd_epi16(low, low)} + I32{_mm256_madd_epi16(high, high)};
  }
};

// Four vectors of integers as bytes, vector after vector: clamp(lane + zero, low, high).
class Bytes4 {
 public:
  struct Range {
    __m256i zero, low, high;
    bool whole;  // saturation alone does it
    Range(int32_t zero, int32_t low, int32_t high)
        : zero(_mm256_set1_epi16(static_cast<int16_t>(zero))),
          low(_mm256_set1_epi8(static_cast<char>(low))),
          high(_mm256_set1_epi8(static_cast<char>(high))),
          whole(zero == 0 && low == 0 && high == 255) {}
  };
  Bytes4(const I32 (&a)[4], const Range& range) {
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    v_ = _mm256_permutevar8x32_epi32(shuffled(a, range).v, order);
  }
  // The bytes in the order of widen_u8(): four lanes of each vector in turn.
  static I32 shuffled(const I32 (&a)[4], const Range& range) {
    const __m256i x = _mm256_packs_epi32(a[0].v, a[1].v), y = _mm256_packs_epi32(a[2].v, a[3].v);
    if (range.whole) return {_mm256_packus_epi16(x, y)};
    const __m256i bytes =
        _mm256_packus_epi16(_mm256_adds_epi16(x, range.zero), _mm256_adds_epi16(y, range.zero));
    return {_mm256_min_epu8(_mm256_max_epu8(bytes, range.low), range.high)};
  }
  I32 bytes() const { return {v_}; }
  void store_half(int i, uint8_t* p) const {  // vectors 2i and 2i + 1
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), half(i));
  }
  void store_quarter(int i, uint8_t* p) const {  // vector i
    const __m128i two = half(i / 2);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), i % 2 ? _mm_unpackhi_epi64(two, two) : two);
  }
  void store_quarter(int i, uint8_t* p, int n) const {  // its first n (0 .. kLanes) lanes
    uint64_t bytes;
    store_quarter(i, reinterpret_cast<uint8_t*>(&bytes));
    store_first_bytes(p, n, bytes);
  }

 private:
  __m128i half(int i) const {
    return i == 0 ? _mm256_castsi256_si128(v_) : _mm256_extracti128_si256(v_, 1);
  }
  __m256i v_;
};

// Lane i gets lane i ^ kDistance.
template <int kDistance>
inline F32 exchange(F32 a) {
  if constexpr (kDistance == 4) return {_mm256_permute2f128_ps(a.v, a.v, 1)};
  if constexpr (kDistance == 2) return {_mm256_permute_ps(a.v, 0x4e)};
  return {_mm256_permute_ps(a.v, 0xb1)};
}

// Lane j of vector i becomes lane i of vector j.
inline void transpose(F32 (&a)[8]) {
  __m256 pairs[8], quads[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = _mm256_unpacklo_ps(a[i].v, a[i + 1].v);
    pairs[i + 1] = _mm256_unpackhi_ps(a[i].v, a[i + 1].v);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4)
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      quads[i + 2 * half] = _mm256_shuffle_ps(pairs[i + half], pairs[i + half + 2], 0x44);
      quads[i + 2 * half + 1] = _mm256_shuffle_ps(pairs[i + half], pairs[i + half + 2], 0xee);
    }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    a[i] = {_mm256_permute2f128_ps(quads[i], quads[i + 4], 0x20)};
    a[i + 4] = {_mm256_permute2f128_ps(quads[i], quads[i + 4], 0x31)};
  }
}

}  // namespace
}  // namespace edgert
