// Vectors of four floats. Local to the file that includes it: it is compiled for AArch64, or, for
// kernels of integers alone, for 32-bit ARM with NEON and VFPv4.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#ifdef __arm__
#define EDGERT_FLUSHES_SUBNORMALS
#include "kernels/simd/neon_32_bit.h"
#endif

namespace edgert {
namespace {

struct Mask {  // all bits of a lane, or none
  uint32x4_t v;
};

struct I32 {
  int32x4_t v;
  static I32 zero() { return {vdupq_n_s32(0)}; }
  static I32 broadcast(int32_t x) { return {vdupq_n_s32(x)}; }
  static I32 load(const int32_t* p) { return {vld1q_s32(p)}; }
  void store(int32_t* p) const { vst1q_s32(p, v); }
};

struct F32 {
  static constexpr int kLanes = 4;
  static constexpr bool kFused = true;  // accumulate() rounds once
  float32x4_t v;

  static F32 zero() { return {vdupq_n_f32(0.0f)}; }
  static F32 broadcast(float x) { return {vdupq_n_f32(x)}; }
  static F32 broadcast(const float* p) { return {vld1q_dup_f32(p)}; }
  static F32 load(const float* p) { return {vld1q_f32(p)}; }
  // The first n (0 .. kLanes) elements; the other lanes are zero and their memory is not touched.
  static F32 load(const float* p, int n) {
    if (n == kLanes) return load(p);
    float32x2_t low = vdup_n_f32(0.0f), high = low;
    if (n == 1) low = vld1_lane_f32(p, low, 0);
    if (n >= 2) low = vld1_f32(p);
    if (n == 3) high = vld1_lane_f32(p + 2, high, 0);
    return {vcombine_f32(low, high)};
  }
  void store(float* p) const { vst1q_f32(p, v); }
  void store(float* p, int n) const {
    if (n == kLanes) return store(p);
    if (n == 1) vst1q_lane_f32(p, v, 0);
    if (n >= 2) vst1_f32(p, vget_low_f32(v));
    if (n == 3) vst1q_lane_f32(p + 2, v, 2);
  }
  float first() const { return vgetq_lane_f32(v, 0); }
  // True for the first n (0 .. kLanes) lanes.
  static Mask first_lanes(int n) {
    const int32x4_t lane = {0, 1, 2, 3};
    return {vcltq_s32(lane, vdupq_n_s32(n))};
  }
};

inline F32 operator+(F32 a, F32 b) { return {vaddq_f32(a.v, b.v)}; }
inline F32 operator-(F32 a, F32 b) { return {vsubq_f32(a.v, b.v)}; }
inline F32 operator*(F32 a, F32 b) { return {vmulq_f32(a.v, b.v)}; }
inline F32 operator/(F32 a, F32 b) { return {vdivq_f32(a.v, b.v)}; }
#ifdef EDGERT_ROUND_TWICE
// a * b + c, rounded twice, for kernels whose bits must be those of CPUs that cannot do otherwise.
inline F32 fma(F32 a, F32 b, F32 c) { return a * b + c; }
#else
// a * b + c, rounded once.
inline F32 fma(F32 a, F32 b, F32 c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
#endif
// The same everywhere, for finite operands.
inline F32 fma_once(F32 a, F32 b, F32 c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
// The same, for chains.
inline F32 accumulate(F32 c, F32 a, F32 b) { return {vfmaq_f32(c.v, a.v, b.v)}; }
// The second operand if either is NaN, as in `a > b ? a : b`: the instructions of these names would
// give the NaN, and of two zeros the positive or the negative one.
inline F32 max(F32 a, F32 b) { return {vbslq_f32(vcgtq_f32(a.v, b.v), a.v, b.v)}; }
inline F32 min(F32 a, F32 b) { return {vbslq_f32(vcltq_f32(a.v, b.v), a.v, b.v)}; }
inline F32 sqrt(F32 a) { return {vsqrtq_f32(a.v)}; }
inline F32 floor(F32 a) { return {vrndmq_f32(a.v)}; }
inline F32 ceil(F32 a) { return {vrndpq_f32(a.v)}; }
inline F32 round(F32 a) { return {vrndnq_f32(a.v)}; }  // half to even

inline Mask operator<(F32 a, F32 b) { return {vcltq_f32(a.v, b.v)}; }
inline Mask operator==(F32 a, F32 b) { return {vceqq_f32(a.v, b.v)}; }
inline Mask is_nan(F32 a) { return {vmvnq_u32(vceqq_f32(a.v, a.v))}; }
inline F32 select(Mask m, F32 a, F32 b) { return {vbslq_f32(m.v, a.v, b.v)}; }

inline I32 operator+(I32 a, I32 b) { return {vaddq_s32(a.v, b.v)}; }  // modulo 2^32
inline I32 operator-(I32 a, I32 b) { return {vsubq_s32(a.v, b.v)}; }
inline I32 operator*(I32 a, I32 b) { return {vmulq_s32(a.v, b.v)}; }
inline I32 operator&(I32 a, I32 b) { return {vandq_s32(a.v, b.v)}; }
inline I32 operator|(I32 a, I32 b) { return {vorrq_s32(a.v, b.v)}; }
inline I32 operator^(I32 a, I32 b) { return {veorq_s32(a.v, b.v)}; }
template <int kBits>
inline I32 shift_left(I32 a) {
  return {vshlq_n_s32(a.v, kBits)};
}
template <int kBits>
inline I32 shift_right(I32 a) {  // the sign fills
  if constexpr (kBits == 0) return a;
  return {vshrq_n_s32(a.v, kBits > 0 ? kBits : 1)};
}
inline I32 bits(F32 a) { return {vreinterpretq_s32_f32(a.v)}; }
inline F32 from_bits(I32 a) { return {vreinterpretq_f32_s32(a.v)}; }
inline F32 to_f32(I32 a) { return {vcvtq_f32_s32(a.v)}; }
inline I32 to_i32(F32 a) { return {vcvtnq_s32_f32(a.v)}; }  // half to even

// Bytes, four per lane.
inline I32 load_bytes(const uint8_t* p) { return {vreinterpretq_s32_u8(vld1q_u8(p))}; }
inline void store_bytes(uint8_t* p, I32 a) { vst1q_u8(p, vreinterpretq_u8_s32(a.v)); }
inline I32 max_u8(I32 a, I32 b) {
  return {vreinterpretq_s32_u8(vmaxq_u8(vreinterpretq_u8_s32(a.v), vreinterpretq_u8_s32(b.v)))};
}
// The floats 2^23 + byte, vector after vector.
inline void widen_u8(I32 bytes, F32 (&v)[4]) {
  const uint8x16_t b = vreinterpretq_u8_s32(bytes.v);
  const uint16x8_t half[2] = {vmovl_u8(vget_low_u8(b)), vmovl_high_u8(b)};
  const uint32x4_t exponent = vdupq_n_u32(0x4b000000u);
  for (int i = 0; i < 2; ++i) {
    v[2 * i] = {vreinterpretq_f32_u32(vaddw_u16(exponent, vget_low_u16(half[i])))};
    v[2 * i + 1] = {vreinterpretq_f32_u32(vaddw_high_u16(exponent, half[i]))};
  }
}

// The first n (0 .. 4) bytes of a word, the others zero.
inline uint32_t load_first_bytes(const uint8_t* p, int n) {
  uint32_t word = 0;
  if (n & 4) {
    __builtin_memcpy(&word, p, 4);
    return word;
  }
  if (n & 1) word = p[n - 1];
  if (n & 2) {
    uint16_t two;
    __builtin_memcpy(&two, p, 2);
    word = word << 16 | two;
  }
  return word;
}
inline void store_first_bytes(uint8_t* p, int n, uint32_t word) {
  if (n & 4) {
    __builtin_memcpy(p, &word, 4);
    return;
  }
  if (n & 2) {
    __builtin_memcpy(p, &word, 2);
    p += 2;
    word >>= 16;
  }
  if (n & 1) *p = static_cast<uint8_t>(word);
}

// Bytes, one per lane.
inline I32 widen_word(uint32_t word) {
  const uint8x8_t bytes = vreinterpret_u8_u32(vdup_n_u32(word));
  return {vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(bytes))))};
}
inline I32 load_u8(const uint8_t* p) {
  uint32_t word;
  __builtin_memcpy(&word, p, 4);
  return widen_word(word);
}
inline I32 load_u8(const uint8_t* p, int n) {  // the first n; the other lanes are zero
  return widen_word(load_first_bytes(p, n));
}
inline uint32_t pack_u8(I32 a) {  // lanes in 0 .. 255
  const uint16x4_t words = vmovn_u32(vreinterpretq_u32_s32(a.v));
  return vget_lane_u32(vreinterpret_u32_u8(vmovn_u16(vcombine_u16(words, words))), 0);
}
inline void store_u8(uint8_t* p, I32 a) {
  const uint32_t bytes = pack_u8(a);
  __builtin_memcpy(p, &bytes, 4);
}
inline void store_u8(uint8_t* p, I32 a, int n) { store_first_bytes(p, n, pack_u8(a)); }

// Integers of 16 bits, one per lane.
inline I32 load_i16(const int16_t* p) { return {vmovl_s16(vld1_s16(p))}; }
inline I32 load_i16(const int16_t* p, int n) {  // the first n; the other lanes are zero
  int16_t words[4] = {};
  for (int i = 0; i < n; ++i) words[i] = p[i];
  return load_i16(words);
}
inline void store_i16(int16_t* p, I32 a) { vst1_s16(p, vmovn_s32(a.v)); }
inline void store_i16(int16_t* p, I32 a, int n) {
  int16_t words[4];
  store_i16(words, a);
  for (int i = 0; i < n; ++i) p[i] = words[i];
}

// The entries of a table at a vector of bytes.
inline I32 gather(const int32_t* table, const uint8_t* x) {
  int32x4_t entries = vld1q_dup_s32(table + x[0]);
  entries = vld1q_lane_s32(table + x[1], entries, 1);
  entries = vld1q_lane_s32(table + x[2], entries, 2);
  return {vld1q_lane_s32(table + x[3], entries, 3)};
}

// Sums of bytes and of their squares, spread over the lanes.
struct ByteMoments {
  I32 sums = I32::zero(), squares = I32::zero();
  void add(I32 bytes) {
    const uint8x16_t b = vreinterpretq_u8_s32(bytes.v);
    const auto add_pairs = [](I32 sum, uint16x8_t words) -> I32 {
      return {vreinterpretq_s32_u32(vpadalq_u16(vreinterpretq_u32_s32(sum.v), words))};
    };
    sums = add_pairs(sums, vpaddlq_u8(b));
    squares = add_pairs(squares, vmull_u8(vget_low_u8(b), vget_low_u8(b)));
    squares = add_pairs(squares, vmull_high_u8(b, b));
  }
};

// Four vectors of integers as bytes, vector after vector: clamp(lane + zero, low, high).
class Bytes4 {
 public:
  struct Range {
    int16x8_t zero;
    uint8x16_t low, high;
    bool whole;  // saturation alone does it
    Range(int32_t zero, int32_t low, int32_t high)
        : zero(vdupq_n_s16(static_cast<int16_t>(zero))),
          low(vdupq_n_u8(static_cast<uint8_t>(low))),
          high(vdupq_n_u8(static_cast<uint8_t>(high))),
          whole(zero == 0 && low == 0 && high == 255) {}
  };
  Bytes4(const I32 (&a)[4], const Range& range) {
    int16x8_t x = vqmovn_high_s32(vqmovn_s32(a[0].v), a[1].v);
    int16x8_t y = vqmovn_high_s32(vqmovn_s32(a[2].v), a[3].v);
    if (!range.whole) {
      x = vqaddq_s16(x, range.zero);
      y = vqaddq_s16(y, range.zero);
    }
    v_ = vqmovun_high_s16(vqmovun_s16(x), y);
    if (!range.whole) v_ = vminq_u8(vmaxq_u8(v_, range.low), range.high);
  }
  static I32 shuffled(const I32 (&a)[4], const Range& range) { return Bytes4(a, range).bytes(); }
  I32 bytes() const { return {vreinterpretq_s32_u8(v_)}; }
  void store_half(int i, uint8_t* p) const {  // vectors 2i and 2i + 1
    vst1_u8(p, i == 0 ? vget_low_u8(v_) : vget_high_u8(v_));
  }
  void store_quarter(int i, uint8_t* p) const {  // vector i
    const uint32_t word = quarter(i);
    __builtin_memcpy(p, &word, 4);
  }
  void store_quarter(int i, uint8_t* p, int n) const {  // its first n (0 .. kLanes) lanes
    store_first_bytes(p, n, quarter(i));
  }

 private:
  uint32_t quarter(int i) const {
    const uint32x4_t words = vreinterpretq_u32_u8(v_);
    switch (i) {
      case 0:
        return vgetq_lane_u32(words, 0);
      case 1:
        return vgetq_lane_u32(words, 1);
      case 2:
        return vgetq_lane_u32(words, 2);
      default:
        return vgetq_lane_u32(words, 3);
    }
  }
  uint8x16_t v_;
};

// Lane i gets lane i ^ kDistance.
template <int kDistance>
inline F32 exchange(F32 a) {
  if constexpr (kDistance == 2) return {vextq_f32(a.v, a.v, 2)};
  return {vrev64q_f32(a.v)};
}

// Lane j of vector i becomes lane i of vector j.
inline void transpose(F32 (&a)[4]) {
  const float32x4x2_t first = vtrnq_f32(a[0].v, a[1].v), second = vtrnq_f32(a[2].v, a[3].v);
  for (int i = 0; i < 2; ++i) {
    a[i] = {vcombine_f32(vget_low_f32(first.val[i]), vget_low_f32(second.val[i]))};
    a[i + 2] = {vcombine_f32(vget_high_f32(first.val[i]), vget_high_f32(second.val[i]))};
  }
}

}  // namespace
}  // namespace edgert
