#define EDGERT_ROUND_TWICE
#include "kernels/simd/neon.h"

#include "kernels/gemm_i8/gemm_i8_codes.h"

namespace edgert {
namespace {

// Sums of two products of bytes in 16 bits, then of two such neighbours in 32: an output has two
// lanes. With inputs of -128 .. 127 and weights of -127 .. 127 two products fit.
template <bool kSymmetric>
struct PairSums {
  static constexpr bool kShifted = true;

  template <int kRows, int kVectors>
  class Sums {
   public:
    // Every loop over accumulators is unrolled, or the compiler would keep them in memory.
    explicit __attribute__((always_inline)) Sums(const I32 (&start)[kVectors]) {
      const int32x4_t zero = vdupq_n_s32(0);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v)
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) {
          acc_[r][2 * v] = vzip1q_s32(start[v].v, zero);
          acc_[r][2 * v + 1] = vzip2q_s32(start[v].v, zero);
        }
    }

    __attribute__((always_inline)) void add_segment(const TileRows<kRows>& rows, size_t at, size_t,
                                                    const int8_t* (&b)[kVectors], size_t k,
                                                    const int8_t*& next) {
      const int8_t* w = b[0];
      const uint8_t* a[kRows];
      for (int r = 0; r < kRows; ++r) a[r] = rows.p[r] + at;
      size_t left = k / K4N16::kDepth;
      for (; left >= 2; left -= 2) {
        int8x16_t x[kRows], y[kRows];
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) {
          x[r] = four(a[r]);
          y[r] = four(a[r] + K4N16::kDepth);
          a[r] += 2 * K4N16::kDepth;
        }
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
          const int8x16_t first = vld1q_s8(w + 16 * v),
                          second = vld1q_s8(w + K4N16::kStep + 16 * v);
#pragma GCC unroll 8
          for (int r = 0; r < kRows; ++r) {
            int32x4_t &low = acc_[r][2 * v], &high = acc_[r][2 * v + 1];
            if constexpr (kSymmetric) {
              const int16x8_t p = vmull_s8(vget_low_s8(first), vget_low_s8(x[r]));
              low = vpadalq_s16(low, vmlal_s8(p, vget_low_s8(second), vget_low_s8(y[r])));
              const int16x8_t q = vmull_high_s8(first, x[r]);
              high = vpadalq_s16(high, vmlal_high_s8(q, second, y[r]));
            } else {
              add(low, high, first, x[r]);
              add(low, high, second, y[r]);
            }
          }
        }
        w += 2 * K4N16::kStep;
        __builtin_prefetch(next, 0, 2);
        next += K4N16::kStep;
      }
      if (left > 0) {
        step(w, [&](int r) { return four(a[r]); });
        for (int r = 0; r < kRows; ++r) a[r] += K4N16::kDepth;
      }
      if (const int rest = static_cast<int>(k % K4N16::kDepth); rest > 0)
        step(w, [&](int r) { return shifted(vdupq_n_s32(word_of(a[r], rest))); });
      b[0] = w;
    }

    I32 total(int r, int v) const { return {vpaddq_s32(acc_[r][2 * v], acc_[r][2 * v + 1])}; }

   private:
    static int8x16_t shifted(int32x4_t bytes) {
      return veorq_s8(vreinterpretq_s8_s32(bytes), vdupq_n_s8(-128));
    }
    static int8x16_t four(const uint8_t* p) { return shifted(vdupq_n_s32(word_of(p))); }
    static void add(int32x4_t& low, int32x4_t& high, int8x16_t w, int8x16_t x) {
      low = vpadalq_s16(low, vmull_s8(vget_low_s8(w), vget_low_s8(x)));
      high = vpadalq_s16(high, vmull_high_s8(w, x));
    }
    template <typename X>
    __attribute__((always_inline)) void step(const int8_t*& w, const X& x) {
      int8x16_t row[kRows];
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) row[r] = x(r);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        const int8x16_t weights = vld1q_s8(w + 16 * v);
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) add(acc_[r][2 * v], acc_[r][2 * v + 1], weights, row[r]);
      }
      w += K4N16::kStep;
    }

    int32x4_t acc_[kRows][2 * kVectors];
  };
};

template <bool kSymmetric>
void multiply(const GemmI8& g) {
#ifdef EDGERT_FLUSHES_SUBNORMALS
  if (g.dynamic != nullptr) return gemm_i8_portable_2x8(g);
#endif
  constexpr int kVectors = sizeof(void*) == 8 ? 4 : 2;  // of 32 or 16 registers
  gemm<PairSums<kSymmetric>, 2, kVectors>(g);
}

#ifdef __aarch64__
// Sums of two products in 16 bits, as PairSums has them: no weight is -128.
struct PairDot {
  using Weights = int8x16_t;
  using Input = int8x16_t;
  struct Sum {
    int32x4_t low, high;
  };
  static Sum start(I32 bias) {
    const int32x4_t zero = vdupq_n_s32(0);
    return {vzip1q_s32(bias.v, zero), vzip2q_s32(bias.v, zero)};
  }
  static Input broadcast(int32_t word) {
    return veorq_s8(vreinterpretq_s8_s32(vdupq_n_s32(word)), vdupq_n_s8(-128));
  }
  static Sum add(const Sum& sum, Input x, Weights w, Input y, Weights v) {
    const int16x8_t low = vmull_s8(vget_low_s8(w), vget_low_s8(x));
    const int16x8_t high = vmull_high_s8(w, x);
    return {vpadalq_s16(sum.low, vmlal_s8(low, vget_low_s8(v), vget_low_s8(y))),
            vpadalq_s16(sum.high, vmlal_high_s8(high, v, y))};
  }
  static I32 total(const Sum& sum) { return {vpaddq_s32(sum.low, sum.high)}; }
};

// Codes looked up in the 16 entries of a register.
template <int kBits>
class Codes {
 public:
  explicit Codes(const int8_t* table) : table_(vld1q_s8(table)) {}
  void steps(const uint8_t* p, int8x16_t (&w)[8 / kBits]) const {
    const uint8x16_t bytes = vld1q_u8(p), mask = vdupq_n_u8((1 << kBits) - 1);
    w[0] = vqtbl1q_s8(table_, vandq_u8(bytes, mask));
    w[1] = vqtbl1q_s8(table_, vandq_u8(vshrq_n_u8(bytes, kBits), mask));
    if constexpr (kBits == 2) {
      w[2] = vqtbl1q_s8(table_, vandq_u8(vshrq_n_u8(bytes, 4), mask));
      w[3] = vqtbl1q_s8(table_, vshrq_n_u8(bytes, 6));
    }
  }

 private:
  int8x16_t table_;
};
#endif

}  // namespace

#ifdef __aarch64__
void gemm_i8_neon_codes4(const GemmI8& g) { multiply_codes<Codes, 4, PairDot, true, 2>(g); }

void gemm_i8_neon_codes2(const GemmI8& g) { multiply_codes<Codes, 2, PairDot, true, 2>(g); }
#endif

void gemm_i8_neon_symmetric(const GemmI8& g) { multiply<true>(g); }

void gemm_i8_neon_any(const GemmI8& g) { multiply<false>(g); }

}  // namespace edgert
