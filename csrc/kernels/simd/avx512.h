// Vectors of sixteen floats. Local to the file that includes it: it is compiled with AVX-512 F, BW,
// DQ and VL.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace edgert {
namespace {

struct Mask {  // a truth value per lane
  __mmask16 v;
};

struct I32 {
  __m512i v;
  static I32 zero() { return {_mm512_setzero_si512()}; }
  static I32 broadcast(int32_t x) { return {_mm512_set1_epi32(x)}; }
  static I32 load(const int32_t* p) { return {_mm512_loadu_si512(p)}; }
  void store(int32_t* p) const { _mm512_storeu_si512(p, v); }
};

struct F32 {
  static constexpr int kLanes = 16;
  static constexpr bool kFused = true;  // accumulate() rounds once
  __m512 v;

  static F32 zero() { return {_mm512_setzero_ps()}; }
  static F32 broadcast(float x) { return {_mm512_set1_ps(x)}; }
  static F32 broadcast(const float* p) { return {_mm512_set1_ps(*p)}; }
  static F32 load(const float* p) { return {_mm512_loadu_ps(p)}; }
  // The first n (0 .. kLanes) elements; the other lanes are zero and their memory is not touched.
  static F32 load(const float* p, int n) { return {_mm512_maskz_loadu_ps(first_lanes(n).v, p)}; }
  void store(float* p) const { _mm512_storeu_ps(p, v); }
  void store(float* p, int n) const { _mm512_mask_storeu_ps(p, first_lanes(n).v, v); }
  float first() const { return _mm512_cvtss_f32(v); }
  // True for the first n (0 .. kLanes) lanes.
  static Mask first_lanes(int n) { return {static_cast<__mmask16>((1u << n) - 1)}; }
};

inline F32 operator+(F32 a, F32 b) { return {_mm512_add_ps(a.v, b.v)}; }
inline F32 operator-(F32 a, F32 b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline F32 operator*(F32 a, F32 b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline F32 operator/(F32 a, F32 b) { return {_mm512_div_ps(a.v, b.v)}; }
#ifdef EDGERT_ROUND_TWICE
// a * b + c, rounded twice, for kernels whose bits must be those of CPUs that cannot do otherwise.
inline F32 fma(F32 a, F32 b, F32 c) { return a * b + c; }
#else
// a * b + c, rounded once.
inline F32 fma(F32 a, F32 b, F32 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
#endif
// The same everywhere, for finite operands.
inline F32 fma_once(F32 a, F32 b, F32 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
// The same, for chains: always the form that overwrites c. With the intrinsic gcc 12 moves
// long-lived accumulators between registers, and spills them.
inline F32 accumulate(F32 c, F32 a, F32 b) {
  __asm__("vfmadd231ps %2, %1, %0" : "+v"(c.v) : "v"(a.v), "v"(b.v));
  return c;
}
// The second operand if either is NaN, as in `a > b ? a : b`.
inline F32 max(F32 a, F32 b) { return {_mm512_max_ps(a.v, b.v)}; }
inline F32 min(F32 a, F32 b) { return {_mm512_min_ps(a.v, b.v)}; }
inline F32 sqrt(F32 a) { return {_mm512_sqrt_ps(a.v)}; }
inline F32 floor(F32 a) { return {_mm512_floor_ps(a.v)}; }
inline F32 ceil(F32 a) { return {_mm512_ceil_ps(a.v)}; }
inline F32 round(F32 a) {  // half to even
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}

inline Mask operator<(F32 a, F32 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
inline Mask operator==(F32 a, F32 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ)}; }
inline Mask is_nan(F32 a) { return {_mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q)}; }
inline F32 select(Mask m, F32 a, F32 b) { return {_mm512_mask_blend_ps(m.v, b.v, a.v)}; }

inline I32 operator+(I32 a, I32 b) { return {_mm512_add_epi32(a.v, b.v)}; }  // modulo 2^32
inline I32 operator-(I32 a, I32 b) { return {_mm512_sub_epi32(a.v, b.v)}; }
inline I32 operator&(I32 a, I32 b) { return {_mm512_and_si512(a.v, b.v)}; }
inline I32 operator|(I32 a, I32 b) { return {_mm512_or_si512(a.v, b.v)}; }
inline I32 operator^(I32 a, I32 b) { return {_mm512_xor_si512(a.v, b.v)}; }
template <int kBits>
inline I32 shift_left(I32 a) {
  return {_mm512_slli_epi32(a.v, kBits)};
}
template <int kBits>
inline I32 shift_right(I32 a) {  // the sign fills
  return {_mm512_srai_epi32(a.v, kBits)};
}
inline I32 bits(F32 a) { return {_mm512_castps_si512(a.v)}; }
inline F32 from_bits(I32 a) { return {_mm512_castsi512_ps(a.v)}; }
inline F32 to_f32(I32 a) { return {_mm512_cvtepi32_ps(a.v)}; }
inline I32 to_i32(F32 a) { return {_mm512_cvtps_epi32(a.v)}; }  // half to even; |a| < 2^31
inline I32 operator*(I32 a, I32 b) { return {_mm512_mullo_epi32(a.v, b.v)}; }

// Bytes, four per lane.
inline I32 load_bytes(const uint8_t* p) { return {_mm512_loadu_si512(p)}; }
inline void store_bytes(uint8_t* p, I32 a) { _mm512_storeu_si512(p, a.v); }
inline I32 max_u8(I32 a, I32 b) { return {_mm512_max_epu8(a.v, b.v)}; }
// The floats 2^23 + byte, in an order that the instruction set prefers.
inline void widen_u8(I32 bytes, F32 (&v)[4]) {
  const __m512i zero = _mm512_setzero_si512(), exponent = _mm512_set1_epi16(0x4b00);
  const __m512i low = _mm512_unpacklo_epi8(bytes.v, zero);
  const __m512i high = _mm512_unpackhi_epi8(bytes.v, zero);
  v[0] = {_mm512_castsi512_ps(_mm512_unpacklo_epi16(low, exponent))};
  v[1] = {_mm512_castsi512_ps(_mm512_unpackhi_epi16(low, exponent))};
  v[2] = {_mm512_castsi512_ps(_mm512_unpacklo_epi16(high, exponent))};
  v[3] = {_mm512_castsi512_ps(_mm512_unpackhi_epi16(high, exponent))};
}

// Bytes, one per lane.
inline I32 load_u8(const uint8_t* p) {
  return {_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
inline I32 load_u8(const uint8_t* p, int n) {  // the first n; the other lanes are zero
  return {_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(F32::first_lanes(n).v, p))};
}
inline void store_u8(uint8_t* p, I32 a) {  // lanes in 0 .. 255
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(a.v));
}
inline void store_u8(uint8_t* p, I32 a, int n) {
  _mm512_mask_cvtepi32_storeu_epi8(p, F32::first_lanes(n).v, a.v);
}

// Integers of 16 bits, one per lane.
inline I32 load_i16(const int16_t* p) {
  return {_mm512_cvtepi16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
inline I32 load_i16(const int16_t* p, int n) {  // the first n; the other lanes are zero
  return {_mm512_cvtepi16_epi32(_mm256_maskz_loadu_epi16(F32::first_lanes(n).v, p))};
}
inline void store_i16(int16_t* p, I32 a) {  // lanes in -2^15 .. 2^15 - 1
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(a.v));
}
inline void store_i16(int16_t* p, I32 a, int n) {
  _mm512_mask_cvtepi32_storeu_epi16(p, F32::first_lanes(n).v, a.v);
}

// The entries of a table at a vector of bytes; by single loads, gathers are slow on many CPUs.
inline I32 gather(const int32_t* table, const uint8_t* x) {
  return {_mm512_setr_epi32(table[x[0]], table[x[1]], table[x[2]], table[x[3]], table[x[4]],
                            table[x[5]], table[x[6]], table[x[7]], table[x[8]], table[x[9]],
                            table[x[10]], table[x[11]], table[x[12]], table[x[13]], table[x[14]],
                            table[x[15]])};
}

// Sums of bytes and of their squares, spread over the lanes.
struct ByteMoments {
  I32 sums = I32::zero(), squares = I32::zero();
  void add(I32 bytes) {
    const __m512i zero = _mm512_setzero_si512();
    const __m512i low = _mm512_unpacklo_epi8(bytes.v, zero);
    const __m512i high = _mm512_unpackhi_epi8(bytes.v, zero);
    sums = sums + I32{_mm512_sad_epu8(bytes.v, zero)};
    squares = squares + I32{_mm512_madd_epi16(low, low)} + I32{_mm512_madd_epi16(high, high)};
  }
};

// Four vectors of integers as bytes, vector after vector: clamp(lane + zero, low, high).
class Bytes4 {
 public:
  struct Range {
    __m512i zero, low, high;
    bool whole;  // saturation alone does it
    Range(int32_t zero, int32_t low, int32_t high)
        : zero(_mm512_set1_epi16(static_cast<int16_t>(zero))),
          low(_mm512_set1_epi8(static_cast<char>(low))),
          high(_mm512_set1_epi8(static_cast<char>(high))),
          whole(zero == 0 && low == 0 && high == 255) {}
  };
  Bytes4(const I32 (&a)[4], const Range& range) {
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    v_ = _mm512_permutexvar_epi32(order, shuffled(a, range).v);
  }
  // The bytes in the order of widen_u8(): four lanes of each vector in turn.
  static I32 shuffled(const I32 (&a)[4], const Range& range) {
    const __m512i x = _mm512_packs_epi32(a[0].v, a[1].v), y = _mm512_packs_epi32(a[2].v, a[3].v);
    if (range.whole) return {_mm512_packus_epi16(x, y)};
    const __m512i bytes =
        _mm512_packus_epi16(_mm512_adds_epi16(x, range.zero), _mm512_adds_epi16(y, range.zero));
    return {_mm512_min_epu8(_mm512_max_epu8(bytes, range.low), range.high)};
  }
  I32 bytes() const { return {v_}; }
  void store_half(int i, uint8_t* p) const {  // vectors 2i and 2i + 1
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                        i == 0 ? _mm512_castsi512_si256(v_) : _mm512_extracti64x4_epi64(v_, 1));
  }
  void store_quarter(int i, uint8_t* p) const {  // vector i
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), quarter(i));
  }
  void store_quarter(int i, uint8_t* p, int n) const {  // its first n (0 .. kLanes) lanes
    _mm_mask_storeu_epi8(p, F32::first_lanes(n).v, quarter(i));
  }

 private:
  __m128i quarter(int i) const {
    return i == 0   ? _mm512_castsi512_si128(v_)
           : i == 1 ? _mm512_extracti32x4_epi32(v_, 1)
           : i == 2 ? _mm512_extracti32x4_epi32(v_, 2)
                    : _mm512_extracti32x4_epi32(v_, 3);
  }
  __m512i v_;
};

// Lane i gets lane i ^ kDistance.
template <int kDistance>
inline F32 exchange(F32 a) {
  if constexpr (kDistance == 8) return {_mm512_shuffle_f32x4(a.v, a.v, 0x4e)};
  if constexpr (kDistance == 4) return {_mm512_shuffle_f32x4(a.v, a.v, 0xb1)};
  if constexpr (kDistance == 2) return {_mm512_permute_ps(a.v, 0x4e)};
  return {_mm512_permute_ps(a.v, 0xb1)};
}

// Lane j of vector i becomes lane i of vector j.
inline void transpose(F32 (&a)[16]) {
  __m512 pairs[16], quads[16];  // columns of 2 and of 4 rows, in each part of 128 bits
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    pairs[i] = _mm512_unpacklo_ps(a[i].v, a[i + 1].v);
    pairs[i + 1] = _mm512_unpackhi_ps(a[i].v, a[i + 1].v);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4)
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      quads[i + 2 * half] = _mm512_shuffle_ps(pairs[i + half], pairs[i + half + 2], 0x44);
      quads[i + 2 * half + 1] = _mm512_shuffle_ps(pairs[i + half], pairs[i + half + 2], 0xee);
    }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m512 low[] = {_mm512_shuffle_f32x4(quads[i], quads[i + 4], 0x44),
                          _mm512_shuffle_f32x4(quads[i + 8], quads[i + 12], 0x44)};
    const __m512 high[] = {_mm512_shuffle_f32x4(quads[i], quads[i + 4], 0xee),
                           _mm512_shuffle_f32x4(quads[i + 8], quads[i + 12], 0xee)};
    a[i] = {_mm512_shuffle_f32x4(low[0], low[1], 0x88)};
    a[i + 4] = {_mm512_shuffle_f32x4(low[0], low[1], 0xdd)};
    a[i + 8] = {_mm512_shuffle_f32x4(high[0], high[1], 0x88)};
    a[i + 12] = {_mm512_shuffle_f32x4(high[0], high[1], 0xdd)};
  }
}

}  // namespace
}  // namespace edgert
