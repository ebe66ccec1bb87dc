#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx512_vnni.h"

#include "kernels/gemm_i16/gemm_i16_tile.h"

namespace edgert {
namespace {

inline I32 dot_words(I32 sum, I32 x, I32 w) {
  __asm__("vpdpwssd %2, %1, %0" : "+v"(sum.v) : "v"(x.v), "v"(w.v));
  return sum;
}

}  // namespace

// A vector is all of a panel; a dozen of them hide the latency of their sums.
void gemm_i16_avx512_vnni_12x16(const GemmI16& g) { gemm<dot_words, 12>(g); }

}  // namespace edgert
