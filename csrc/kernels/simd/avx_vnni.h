// Vectors of AVX2 with the dot products of AVX-VNNI. Local to the file that includes it.
#pragma once

#include "kernels/simd/avx2.h"

namespace edgert {
namespace {

// To each lane of `sum` the products of its four unsigned bytes x with its four signed bytes w.
inline I32 dot(I32 sum, I32 x, I32 w) {
  __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum.v) : "x"(x.v), "x"(w.v));
  return sum;
}

}  // namespace
}  // namespace edgert
