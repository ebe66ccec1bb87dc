// Vectors of AVX2 with the dot products of AVX-VNNI. Local to the file that includes it.
#pragma once

#include "kernels/simd/avx2.h"

namespace edgert {
namespace {

// To each lane of 32 bits of `sum` the products of its four unsigned bytes x with its four signed
// bytes w. For vectors of any width.
template <typename Vector>
inline Vector dot_bytes(Vector sum, Vector x, Vector w) {
  __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(x), "x"(w));
  return sum;
}
inline I32 dot(I32 sum, I32 x, I32 w) { return {dot_bytes(sum.v, x.v, w.v)}; }

}  // namespace
}  // namespace edgert
