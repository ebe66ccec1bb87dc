// Vectors of AVX-512 with the dot products of VNNI. Local to the file that includes it.
#pragma once

#include "kernels/simd/avx512.h"

namespace edgert {
namespace {

// To each lane of `sum` the products of its four unsigned bytes x with its four signed bytes w.
inline I32 dot(I32 sum, I32 x, I32 w) {
  __asm__("vpdpbusd %2, %1, %0" : "+v"(sum.v) : "v"(x.v), "v"(w.v));
  return sum;
}

}  // namespace
}  // namespace edgert
