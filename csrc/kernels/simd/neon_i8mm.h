// Vectors of NEON on CPUs with its products of matrices of bytes. Local to the file that includes
// it.
#pragma once

#include "kernels/simd/neon.h"

namespace edgert {
namespace {

// To each lane of `sum` the products of its four unsigned bytes x with its four signed bytes w.
inline I32 dot(I32 sum, I32 x, I32 w) {
  return {vusdotq_s32(sum.v, vreinterpretq_u8_s32(x.v), vreinterpretq_s8_s32(w.v))};
}

}  // namespace
}  // namespace edgert
