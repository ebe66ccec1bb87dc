// The Dot of gemm_blocks_tile.h over dot() of the vector types, the products of four unsigned bytes
// with four signed ones.
#pragma once

#include "kernels/gemm_blocks/gemm_blocks_tile.h"

namespace edgert {
namespace {

template <int kBits>
struct Dot {
  static constexpr int kLess = 0;
  using Sum = I32;
  static I32 start(I32 sum) { return sum; }
  static I32 total(I32 sum) { return sum; }

  template <int kRows>
  static void add(I32 (&sums)[kRows], const uint8_t* p, const int8_t* x, size_t stride) {
    I32 w[4];
    const I32 mask = I32::broadcast(kBits == 4 ? 0x0f0f0f0f : 0x03030303);
#pragma GCC unroll 4
    for (int i = 0; i < kBits / 2; ++i) {
      const I32 bytes = load_bytes(p + i * CodePanel::kStep);
      if constexpr (kBits == 8) {
        w[i] = bytes;
      } else {
        w[2 * i] = bytes & mask;
        w[2 * i + 1] = shift_right<kBits>(bytes) & mask;
      }
      if constexpr (kBits == 2) {
        w[2] = shift_right<4>(bytes) & mask;
        w[3] = shift_right<6>(bytes) & mask;
      }
    }
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const auto four = [&](int i) {
        return I32::broadcast(four_of(x + static_cast<size_t>(r) * stride + 4 * i));
      };
      // Two chains: a product takes a few cycles.
      I32 others = dot(I32::zero(), w[1], four(1));
      others = dot(dot(others, w[2], four(2)), w[3], four(3));
      sums[r] = dot(sums[r], w[0], four(0)) + others;
    }
  }
};

}  // namespace
}  // namespace edgert
