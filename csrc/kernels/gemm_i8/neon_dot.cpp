#define EDGERT_ROUND_TWICE
#include "kernels/simd/neon_dot.h"

#include "kernels/gemm_i8/gemm_i8_tile.h"

namespace edgert {
namespace {

// Dot products with the four bytes in a lane of sixteen of a row.
struct LaneDots {
  static constexpr bool kShifted = true;

  template <int kRows, int kVectors>
  class Sums {
   public:
    // Every loop over accumulators is unrolled, or the compiler would keep them in memory.
    explicit __attribute__((always_inline)) Sums(const I32 (&start)[kVectors]) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v)
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) acc_[r][v] = start[v].v;
    }

    __attribute__((always_inline)) void add_segment(const TileRows<kRows>& rows, size_t at, size_t,
                                                    const int8_t* (&b)[kVectors], size_t k,
                                                    const int8_t*& next) {
      constexpr size_t kBytes = 16;  // of a row at a time
      const int8_t* w = b[0];
      const uint8_t* a[kRows];
      for (int r = 0; r < kRows; ++r) a[r] = rows.p[r] + at;
      for (; k >= kBytes; k -= kBytes) {
        int8x16_t x[kRows];
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) {
          x[r] = shifted(vld1q_u8(a[r]));
          a[r] += kBytes;
        }
        step<0>(w, x);
        step<1>(w, x);
        step<2>(w, x);
        step<3>(w, x);
        __builtin_prefetch(next, 0, 2);
        __builtin_prefetch(next + K4N16::kStep, 0, 2);
        next += 2 * K4N16::kStep;
      }
      for (; k >= K4N16::kDepth; k -= K4N16::kDepth) {
        last_step(w, [&](int r) { return word_of(a[r]); });
        for (int r = 0; r < kRows; ++r) a[r] += K4N16::kDepth;
      }
      if (k > 0) last_step(w, [&](int r) { return word_of(a[r], static_cast<int>(k)); });
      b[0] = w;
    }

    I32 total(int r, int v) const { return {acc_[r][v]}; }

   private:
    static int8x16_t shifted(uint8x16_t bytes) {
      return veorq_s8(vreinterpretq_s8_u8(bytes), vdupq_n_s8(-128));
    }
    template <int kLane>
    __attribute__((always_inline)) void step(const int8_t*& w, const int8x16_t (&x)[kRows]) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        const int8x16_t weights = vld1q_s8(w + 16 * v);
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r)
          acc_[r][v] = vdotq_laneq_s32(acc_[r][v], weights, x[r], kLane);
      }
      w += K4N16::kStep;
    }
    template <typename Word>
    __attribute__((always_inline)) void last_step(const int8_t*& w, const Word& word) {
      int8x16_t x[kRows];
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) x[r] = shifted(vreinterpretq_u8_s32(vdupq_n_s32(word(r))));
      step<0>(w, x);
    }

    int32x4_t acc_[kRows][kVectors];
  };
};

}  // namespace

void gemm_i8_neon_dot_4x16(const GemmI8& g) { gemm<LaneDots, 4, 4>(g); }

}  // namespace edgert
