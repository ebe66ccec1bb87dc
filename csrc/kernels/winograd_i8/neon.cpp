#define EDGERT_ROUND_TWICE
#include "kernels/simd/neon.h"

#include "kernels/winograd_i8/winograd_i8_steps.h"

namespace edgert {
namespace {

struct I16 {
  static constexpr int kLanes = 8;
  int16x8_t v;

  static I16 broadcast(int x) { return {vdupq_n_s16(static_cast<int16_t>(x))}; }
  static I16 load(const uint8_t* p) { return {vreinterpretq_s16_u16(vmovl_u8(vld1_u8(p)))}; }
  static I16 load(const uint8_t* p, int n) {  // the first n, 1 .. 7; the other lanes are zero
    uint64_t bytes = 0;
    for (int i = 0; i < n; ++i) bytes |= static_cast<uint64_t>(p[i]) << (8 * i);
    return {vreinterpretq_s16_u16(vmovl_u8(vcreate_u8(bytes)))};
  }
  static I16 load(const int8_t* p) { return {vmovl_s8(vld1_s8(p))}; }
  void store(int16_t* p) const { vst1q_s16(p, v); }
  void store(int16_t* p, int) const { store(p); }
};
inline I16 operator+(I16 a, I16 b) { return {vaddq_s16(a.v, b.v)}; }
inline I16 operator-(I16 a, I16 b) { return {vsubq_s16(a.v, b.v)}; }

void weights(const WinogradWeightsI8& g) {
  constexpr size_t kBlock = kWinogradOutputs * 4, kHalf = kBlock / 2;  // elements
  const size_t tap = g.blocks * kBlock;
  for (size_t b = 0; b < g.blocks; ++b)
    for (size_t at = 0; at < kBlock; at += 2 * I16::kLanes) {  // four channels of four outputs
      I16 x[kWinogradPoints], y[kWinogradPoints];
      const int8_t* const w = g.w + b * kBlock + at;
      transform_filter(w, tap, x);
      transform_filter(w + I16::kLanes, tap, y);
      for (size_t p = 0; p < kWinogradPoints; ++p) {
        // Each word of 32 bits is a pair of channels; even ones are the first pair.
        const int32x4_t first = vreinterpretq_s32_s16(x[p].v);
        const int32x4_t second = vreinterpretq_s32_s16(y[p].v);
        int16_t* const to = g.u + p * tap + b * kBlock + at / 2;
        vst1q_s16(to, vreinterpretq_s16_s32(vuzp1q_s32(first, second)));
        vst1q_s16(to + kHalf, vreinterpretq_s16_s32(vuzp2q_s32(first, second)));
      }
    }
}

// The products of kRows tiles from tile i on.
template <int kRows>
void product_rows(const WinogradProductsI8& g, size_t i, const int16_t* next) {
  constexpr int kVectors = kWinogradOutputs / F32::kLanes, kStep = kWinogradOutputs * 2;
  const int16_t* v[kRows];
  for (int r = 0; r < kRows; ++r) v[r] = g.v + (i + r) * g.tile_stride;
  const int16_t* u = g.u;
  int32x4_t sum[kRows][kVectors];
#pragma GCC unroll 32
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int q = 0; q < kVectors; ++q) sum[r][q] = vdupq_n_s32(0);
  // A pair of channels, lanes kLane and kLane + 1 of x.
  const auto step = [&](const int16x4_t(&x)[kRows], auto lane) __attribute__((always_inline)) {
    constexpr int kLane = decltype(lane)::value;
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const int16x8x2_t w = vld2q_s16(u + half * kStep / 2);  // the first channels, the second ones
#pragma GCC unroll 32
      for (int r = 0; r < kRows; ++r) {
        int32x4_t &low = sum[r][2 * half], &high = sum[r][2 * half + 1];
        low = vmlal_lane_s16(low, vget_low_s16(w.val[0]), x[r], kLane);
        high = vmlal_high_lane_s16(high, w.val[0], x[r], kLane);
        low = vmlal_lane_s16(low, vget_low_s16(w.val[1]), x[r], kLane + 1);
        high = vmlal_high_lane_s16(high, w.val[1], x[r], kLane + 1);
      }
    }
    u += kStep;
  };
  for (size_t left = g.blocks; left > 0; --left) {
    int16x4_t x[kRows];
#pragma GCC unroll 32
    for (int r = 0; r < kRows; ++r) {
      x[r] = vld1_s16(v[r]);
      v[r] += 4;
    }
    step(x, std::integral_constant<int, 0>());
    step(x, std::integral_constant<int, 2>());
    __builtin_prefetch(next, 0, 2);
    next += kStep;
  }
#pragma GCC unroll 32
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int q = 0; q < kVectors; ++q)
      vst1q_s32(g.m + (i + r) * kWinogradOutputs + q * F32::kLanes, sum[r][q]);
}

constexpr ProductRows kOfRows[] = {product_rows<1>, product_rows<2>, product_rows<3>,
                                   product_rows<4>};

void products(const WinogradProductsI8& g) { in_groups(g, kOfRows); }

}  // namespace

const WinogradStepsI8 winograd_i8_neon = {weights, input_tiles<I16>, products, output,
                                          sizeof kOfRows / sizeof *kOfRows};

}  // namespace edgert
