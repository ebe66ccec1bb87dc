#define EDGERT_ROUND_TWICE
#include "kernels/simd/neon.h"

#include "kernels/gemm_sparse_i8/gemm_sparse_i8_tile.h"

namespace edgert {
namespace {

// Sums of two products of bytes in 16 bits, then of two such neighbours in 32: a row has two lanes.
// With inputs of -128 .. 127 and weights of -127 .. 127 two products fit, of two blocks.
struct WordDot {
  static constexpr bool kPaired = false;
  static constexpr int32_t kFlip = static_cast<int32_t>(0x80808080);
  struct Sums {
    int32x4_t low, high;
  };
  using Weights = int8x16_t;
  using Input = int8x16_t;
  using Sum = Sums;
  static Weights broadcast(const int8_t* p) {
    int32_t word;
    __builtin_memcpy(&word, p, sizeof word);
    return vreinterpretq_s8_s32(vdupq_n_s32(word));
  }
  static Input load(const uint8_t* p) { return vreinterpretq_s8_u8(vld1q_u8(p)); }
  static Sum start(I32 sum) {
    const int32x4_t zero = vdupq_n_s32(0);
    return {vzip1q_s32(sum.v, zero), vzip2q_s32(sum.v, zero)};
  }
  static Sum add(Sum sum, Input x, Weights w) {
    return {vpadalq_s16(sum.low, vmull_s8(vget_low_s8(x), vget_low_s8(w))),
            vpadalq_s16(sum.high, vmull_high_s8(x, w))};
  }
  static I32 total(const Sum& sum) { return {vpaddq_s32(sum.low, sum.high)}; }
};

struct SymmetricDot : WordDot {
  static constexpr bool kPaired = true;
  using WordDot::add;
  static Sum add(Sum sum, Input x, Weights w, Input y, Weights v) {
    const int16x8_t low = vmull_s8(vget_low_s8(x), vget_low_s8(w));
    return {vpadalq_s16(sum.low, vmlal_s8(low, vget_low_s8(y), vget_low_s8(v))),
            vpadalq_s16(sum.high, vmlal_high_s8(vmull_high_s8(x, w), y, v))};
  }
};

constexpr int kVectors = sizeof(void*) == 8 ? 4 : 2;  // of 32 or 16 registers

}  // namespace

void gemm_sparse_i8_neon_symmetric_1x4(const GemmSparseI8& g) {
  gemm_sparse<SymmetricDot, Bsr1x4, kVectors>(g);
}
void gemm_sparse_i8_neon_symmetric_4x4(const GemmSparseI8& g) {
  gemm_sparse<SymmetricDot, Bsr4x4, kVectors / 2>(g);
}
void gemm_sparse_i8_neon_any_1x4(const GemmSparseI8& g) {
  gemm_sparse<WordDot, Bsr1x4, kVectors>(g);
}
void gemm_sparse_i8_neon_any_4x4(const GemmSparseI8& g) {
  gemm_sparse<WordDot, Bsr4x4, kVectors / 2>(g);
}

}  // namespace edgert
