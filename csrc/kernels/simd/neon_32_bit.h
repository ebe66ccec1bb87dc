// Intrinsics of AArch64 on 32-bit ARM with NEON and VFPv4, for kernels of integers that are
// compiled for both. Local to the file that includes it.
//
// NEON reads and writes subnormal floats as zero here, and neither divides nor rounds: these are no
// vector types in the sense of README.md. Kernels may use the floats only where that makes no
// difference: a sum of integers times a float is rounded to an integer.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

namespace edgert {
namespace {

inline uint16x8_t vmovl_high_u8(uint8x16_t a) { return vmovl_u8(vget_high_u8(a)); }
inline int32x4_t vmovl_high_s16(int16x8_t a) { return vmovl_s16(vget_high_s16(a)); }
inline uint32x4_t vaddw_high_u16(uint32x4_t a, uint16x8_t b) {
  return vaddw_u16(a, vget_high_u16(b));
}
inline int16x8_t vmull_high_s8(int8x16_t a, int8x16_t b) {
  return vmull_s8(vget_high_s8(a), vget_high_s8(b));
}
inline uint16x8_t vmull_high_u8(uint8x16_t a, uint8x16_t b) {
  return vmull_u8(vget_high_u8(a), vget_high_u8(b));
}
inline int32x4_t vmull_high_s16(int16x8_t a, int16x8_t b) {
  return vmull_s16(vget_high_s16(a), vget_high_s16(b));
}
inline int16x8_t vmlal_high_s8(int16x8_t sum, int8x16_t a, int8x16_t b) {
  return vmlal_s8(sum, vget_high_s8(a), vget_high_s8(b));
}
inline int32x4_t vmlal_high_s16(int32x4_t sum, int16x8_t a, int16x8_t b) {
  return vmlal_s16(sum, vget_high_s16(a), vget_high_s16(b));
}
#define vmlal_high_lane_s16(sum, a, b, lane) vmlal_lane_s16(sum, vget_high_s16(a), b, lane)
inline int32x4_t vmlal_high_n_s16(int32x4_t sum, int16x8_t a, int16_t b) {
  return vmlal_n_s16(sum, vget_high_s16(a), b);
}
inline int16x8_t vqmovn_high_s32(int16x4_t low, int32x4_t high) {
  return vcombine_s16(low, vqmovn_s32(high));
}
inline uint8x16_t vqmovun_high_s16(uint8x8_t low, int16x8_t high) {
  return vcombine_u8(low, vqmovun_s16(high));
}
inline int32x4_t vpaddq_s32(int32x4_t a, int32x4_t b) {
  return vcombine_s32(vpadd_s32(vget_low_s32(a), vget_high_s32(a)),
                      vpadd_s32(vget_low_s32(b), vget_high_s32(b)));
}
inline int32x4_t vzip1q_s32(int32x4_t a, int32x4_t b) { return vzipq_s32(a, b).val[0]; }
inline int32x4_t vzip2q_s32(int32x4_t a, int32x4_t b) { return vzipq_s32(a, b).val[1]; }
inline int32x4_t vuzp1q_s32(int32x4_t a, int32x4_t b) { return vuzpq_s32(a, b).val[0]; }
inline int32x4_t vuzp2q_s32(int32x4_t a, int32x4_t b) { return vuzpq_s32(a, b).val[1]; }

// Slow: no kernel needs them.
template <typename Function>
float32x4_t lane_by_lane(float32x4_t a, float32x4_t b, Function function) {
  float x[4], y[4];
  vst1q_f32(x, a);
  vst1q_f32(y, b);
  for (int i = 0; i < 4; ++i) x[i] = function(x[i], y[i]);
  return vld1q_f32(x);
}
inline float32x4_t vdivq_f32(float32x4_t a, float32x4_t b) {
  return lane_by_lane(a, b, [](float x, float y) { return x / y; });
}
inline float32x4_t vsqrtq_f32(float32x4_t a) {
  return lane_by_lane(a, a, [](float x, float) { return __builtin_sqrtf(x); });
}
inline float32x4_t vrndmq_f32(float32x4_t a) {
  return lane_by_lane(a, a, [](float x, float) { return __builtin_floorf(x); });
}
inline float32x4_t vrndpq_f32(float32x4_t a) {
  return lane_by_lane(a, a, [](float x, float) { return __builtin_ceilf(x); });
}
inline float32x4_t vrndnq_f32(float32x4_t a) {
  return lane_by_lane(a, a, [](float x, float) { return __builtin_nearbyintf(x); });
}
// Half to even of what is clamped to +-2^22: all that becomes a byte or a word.
inline int32x4_t vcvtnq_s32_f32(float32x4_t a) {
  const float32x4_t most = vdupq_n_f32(0x1p22f), shift = vdupq_n_f32(0x1.8p23f);
  const float32x4_t shifted = vaddq_f32(vmaxq_f32(vminq_f32(a, most), vnegq_f32(most)), shift);
  return vsubq_s32(vreinterpretq_s32_f32(shifted), vreinterpretq_s32_f32(shift));
}

}  // namespace
}  // namespace edgert
