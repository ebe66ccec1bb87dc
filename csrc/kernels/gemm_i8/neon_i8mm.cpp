#define EDGERT_ROUND_TWICE
#include "kernels/simd/neon_i8mm.h"

#include "kernels/gemm_i8/gemm_i8_tile.h"

namespace edgert {
namespace {

// Products of two rows of eight bytes with two outputs of eight weights: 2 x 2 sums in a vector.
struct MatrixProducts {
  static constexpr bool kShifted = false;

  template <int kRows, int kVectors>
  class Sums {
    static constexpr int kPairs = (kRows + 1) / 2;  // of rows; a single one is its own partner

   public:
    // Every loop over accumulators is unrolled, or the compiler would keep them in memory.
    explicit __attribute__((always_inline)) Sums(const I32 (&start)[kVectors]) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        const int64x2_t outputs = vreinterpretq_s64_s32(start[v].v);
#pragma GCC unroll 4
        for (int p = 0; p < kPairs; ++p) {
          acc_[p][2 * v] = vreinterpretq_s32_s64(vdupq_laneq_s64(outputs, 0));
          acc_[p][2 * v + 1] = vreinterpretq_s32_s64(vdupq_laneq_s64(outputs, 1));
        }
      }
    }

    __attribute__((always_inline)) void add_segment(const TileRows<kRows>& rows, size_t at, size_t,
                                                    const int8_t* (&b)[kVectors], size_t k,
                                                    const int8_t*& next) {
      constexpr size_t kBytes = 2 * K4N16::kDepth;  // of a row at a time
      const int8_t* w = b[0];
      const uint8_t* a[kRows];
      for (int r = 0; r < kRows; ++r) a[r] = rows.p[r] + at;
      for (; k >= kBytes; k -= kBytes) {
        const auto eight = [&](int r) { return vld1_u8(a[r]); };
        step(eight, [&](int v) {
          return Weights(vld1q_s8(w + 16 * v), vld1q_s8(w + K4N16::kStep + 16 * v));
        });
        for (int r = 0; r < kRows; ++r) a[r] += kBytes;
        w += 2 * K4N16::kStep;
        __builtin_prefetch(next, 0, 2);
        next += K4N16::kStep;
      }
      if (k == 0) {
        b[0] = w;
        return;
      }
      // The rest, 1 .. 7 bytes and as many steps as hold them.
      const bool two = k > K4N16::kDepth;
      const auto rest = [&](int r) {
        const int n = static_cast<int>(k);
        const uint64_t low = static_cast<uint32_t>(n < 4 ? word_of(a[r], n) : word_of(a[r]));
        const uint64_t high = n > 4 ? static_cast<uint32_t>(word_of(a[r] + 4, n - 4)) : 0;
        return vreinterpret_u8_u64(vdup_n_u64(low | high << 32));
      };
      step(rest, [&](int v) {
        const int8x16_t first = vld1q_s8(w + 16 * v);
        return Weights(first, two ? vld1q_s8(w + K4N16::kStep + 16 * v) : vdupq_n_s8(0));
      });
      b[0] = w + (two ? 2 : 1) * K4N16::kStep;
    }

    I32 total(int r, int v) const {
      const int64x2_t low = vreinterpretq_s64_s32(acc_[r / 2][2 * v]);
      const int64x2_t high = vreinterpretq_s64_s32(acc_[r / 2][2 * v + 1]);
      return {vreinterpretq_s32_s64(r % 2 ? vzip2q_s64(low, high) : vzip1q_s64(low, high))};
    }

   private:
    struct Weights {  // eight of each of two outputs
      int8x16_t low, high;
      Weights(int8x16_t first, int8x16_t second) {
        const int32x4_t f = vreinterpretq_s32_s8(first), s = vreinterpretq_s32_s8(second);
        low = vreinterpretq_s8_s32(vzip1q_s32(f, s));
        high = vreinterpretq_s8_s32(vzip2q_s32(f, s));
      }
    };

    template <typename X, typename W>
    __attribute__((always_inline)) void step(const X& x, const W& weights) {
      uint8x16_t pair[kPairs];
#pragma GCC unroll 4
      for (int p = 0; p < kPairs; ++p)
        pair[p] = vcombine_u8(x(2 * p), x(2 * p + 1 < kRows ? 2 * p + 1 : 2 * p));
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        const Weights w = weights(v);
#pragma GCC unroll 4
        for (int p = 0; p < kPairs; ++p) {
          acc_[p][2 * v] = vusmmlaq_s32(acc_[p][2 * v], pair[p], w.low);
          acc_[p][2 * v + 1] = vusmmlaq_s32(acc_[p][2 * v + 1], pair[p], w.high);
        }
      }
    }

    int32x4_t acc_[kPairs][2 * kVectors];
  };
};

}  // namespace

void gemm_i8_neon_i8mm_6x16(const GemmI8& g) { gemm<MatrixProducts, 6, 4>(g); }

}  // namespace edgert
