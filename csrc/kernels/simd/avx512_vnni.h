// Vectors of AVX-512 with the dot products of VNNI. Local to the file that includes it.
#pragma once

#include "kernels/simd/avx512.h"

namespace edgert {
namespace {

// To each lane of 32 bits of `sum` the products of its four unsigned bytes x with its four signed
// bytes w. For vectors of any width.
template <typename Vector>
inline Vector dot_bytes(Vector sum, Vector x, Vector w) {
  __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(w));
  return sum;
}
inline I32 dot(I32 sum, I32 x, I32 w) { return {dot_bytes(sum.v, x.v, w.v)}; }

}  // namespace
}  // namespace edgert
