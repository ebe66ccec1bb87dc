#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx_vnni.h"

#include "kernels/gemm_i16/gemm_i16_tile.h"

namespace edgert {
namespace {

inline I32 dot_words(I32 sum, I32 x, I32 w) {
  __asm__("%{vex%} vpdpwssd %2, %1, %0" : "+x"(sum.v) : "x"(x.v), "x"(w.v));
  return sum;
}

}  // namespace

void gemm_i16_avx_vnni_6x16(const GemmI16& g) { gemm<dot_words, 6>(g); }

}  // namespace edgert
