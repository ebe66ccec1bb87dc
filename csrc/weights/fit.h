// Which weights meet in a sum of 16 bits, and what they may be.
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgert {

// Instructions that add up products of bytes in 16 bits saturate, or wrap around. NEON takes inputs
// as what they are above 128: two products fit if no weight is -128. AVX2 takes them as they are:
// sums fit if, for each output, the positive weights in one add up to at most kMaxFit and the
// negative ones to at least -kMaxFit: 255 * 128 = 32640. The weights of a segment of the depth,
// each tap filled up to whole steps of K4N16, fit
//   kSymmetric  if none is -128
//   kPairs      if also that holds for the neighbours p = 2q and 2q + 1
//   kQuads      if it does for p = 8q, 8q + 1, 8q + 4, 8q + 5 and for 8q + 2, 8q + 3, 8q + 6,
//               8q + 7
// In rows of blocks (bsr1x4, bsr4x4) neighbours are those in a block, and kQuads adds the products
// of the blocks 2i and 2i + 1 that a row stores.
enum class WeightFit : uint8_t { kAny, kSymmetric, kPairs, kQuads };
constexpr int kMaxFit = 128;

// What weights allow.
struct WeightFacts {
  WeightFit within_taps = WeightFit::kAny;  // of i8 with u8, if kernels read a tap as one segment,
  WeightFit within_rows = WeightFit::kAny;  // or a row of them
  uint32_t chunk = 1;                       // of i16, in steps, as in GemmI16
  uint32_t blocks = 0;                      // that a sparse form stores
  bool narrow = false;  // the same, or DepthwiseKernel::narrow; depends on a bias
};

// The sum of the magnitudes of weights whose products with i16 fit in 32 bits: 32768 * 65535 <
// 2^31.
constexpr int64_t kMaxWeights = 65535;

constexpr size_t sum_members(WeightFit fit) {
  return fit == WeightFit::kQuads ? 4 : fit == WeightFit::kPairs ? 2 : 1;
}
// The number of the sum in which place p of a segment is, and its number there.
constexpr size_t sum_of(WeightFit fit, size_t p) {
  return fit == WeightFit::kQuads ? p / 8 * 2 + p % 4 / 2 : p / sum_members(fit);
}
constexpr size_t member_of(WeightFit fit, size_t p) {
  return fit == WeightFit::kQuads ? p / 4 % 2 * 2 + p % 2 : p % sum_members(fit);
}

}  // namespace edgert
