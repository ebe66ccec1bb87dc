// Vectors of NEON on CPUs with its dot products. Local to the file that includes it.
#pragma once

#include "kernels/simd/neon.h"

namespace edgert {
namespace {

// To each lane of `sum` the products of its four unsigned bytes x with its four signed bytes w. The
// instruction takes signed ones: x is what it is above 128, and the weights are added 128 times.
inline I32 dot(I32 sum, I32 x, I32 w) {
  const int8x16_t weights = vreinterpretq_s8_s32(w.v);
  const int8x16_t bytes = veorq_s8(vreinterpretq_s8_s32(x.v), vdupq_n_s8(-128));
  const int8x16_t half = vdupq_n_s8(64);
  sum.v = vdotq_s32(sum.v, weights, bytes);
  return {vdotq_s32(vdotq_s32(sum.v, weights, half), weights, half)};
}

}  // namespace
}  // namespace edgert
