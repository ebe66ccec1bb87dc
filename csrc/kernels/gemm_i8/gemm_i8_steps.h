// Methods of gemm_i8_tile.h that go through the depth in steps of four, over `Dot`:
//
//   Weights, load(p)     the weights of one vector of outputs, four of the depth
//   Sum, start(I32)      an accumulator of one vector of outputs
//   Input, broadcast     four bytes of a row, from a 32-bit word
//   add(sum, x, w)       adds four products per output
//   kTwoSteps            whether there is add(sum, x, w, y, v), which adds eight
//   total(sum)           the sums, one output per lane
#pragma once

#include "kernels/gemm_i8/gemm_i8_tile.h"

namespace edgert {
namespace {

// The plain case: one vector of sums, and a function that adds four products to each lane.
template <I32 (*kDot)(I32, I32, I32)>
struct PlainDot {
  static constexpr bool kTwoSteps = false;
  using Weights = I32;
  using Sum = I32;
  using Input = I32;
  static Weights load(const int8_t* p) { return I32::load(reinterpret_cast<const int32_t*>(p)); }
  static Sum start(I32 bias) { return bias; }
  static Input broadcast(int32_t word) { return I32::broadcast(word); }
  static Sum add(Sum sum, Input x, Weights w) { return kDot(sum, x, w); }
  static I32 total(Sum sum) { return sum; }
};

template <typename Dot>
struct Steps {
  static constexpr bool kShifted = false;

  template <int kRows, int kVectors>
  class Sums {
   public:
    // Every loop over accumulators is unrolled, or the compiler would keep them in memory.
    explicit __attribute__((always_inline)) Sums(const I32 (&start)[kVectors]) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v)
#pragma GCC unroll 32
        for (int r = 0; r < kRows; ++r) acc_[r][v] = Dot::start(start[v]);
    }

    __attribute__((always_inline)) void add_segment(const TileRows<kRows>& rows, size_t at,
                                                    size_t stride, const int8_t* (&b)[kVectors],
                                                    size_t k, const int8_t*& next) {
      const auto step = [&](int u, auto word) {
        typename Dot::Weights w[kVectors];
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) w[v] = Dot::load(b[v] + u * K4N16::kStep);
#pragma GCC unroll 32
        for (int r = 0; r < kRows; ++r) {
          const typename Dot::Input x =
              Dot::broadcast(word(rows.at(r, at, stride) + u * K4N16::kDepth));
#pragma GCC unroll 4
          for (int v = 0; v < kVectors; ++v) acc_[r][v] = Dot::add(acc_[r][v], x, w[v]);
        }
      };
      const auto advance = [&](int steps) {
        at += steps * K4N16::kDepth;
        for (int v = 0; v < kVectors; ++v) b[v] += steps * K4N16::kStep;
      };
      const auto four = [](const uint8_t* p) { return word_of(p); };
      size_t left = k / K4N16::kDepth;
      for (; left >= 2; left -= 2) {
        if constexpr (Dot::kTwoSteps) {
#pragma GCC unroll 32
          for (int r = 0; r < kRows; ++r) {
            const uint8_t* const p = rows.at(r, at, stride);
            const auto x = Dot::broadcast(word_of(p)),
                       y = Dot::broadcast(word_of(p + K4N16::kDepth));
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v)
              acc_[r][v] =
                  Dot::add(acc_[r][v], x, Dot::load(b[v]), y, Dot::load(b[v] + K4N16::kStep));
          }
        } else {
          step(0, four);
          step(1, four);
        }
        advance(2);
        __builtin_prefetch(next, 0, 2);
        next += K4N16::kStep;
      }
      if (left > 0) {
        step(0, four);
        advance(1);
      }
      if (const int rest = static_cast<int>(k % K4N16::kDepth); rest > 0) {
        step(0, [rest](const uint8_t* p) { return word_of(p, rest); });
        advance(1);
      }
    }

    I32 total(int r, int v) const { return Dot::total(acc_[r][v]); }

   private:
    typename Dot::Sum acc_[kRows][kVectors];
  };
};

}  // namespace
}  // namespace edgert
