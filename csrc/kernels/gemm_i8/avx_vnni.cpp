#define EDGERT_ROUND_TWICE
#include "kernels/gemm_i8/gemm_i8_tile.h"
#include "kernels/simd/avx2.h"

namespace edgert {
namespace {

struct Dot {
  using Weights = I32;
  static I32 load(const int8_t* p) {
    return {_mm256_load_si256(reinterpret_cast<const __m256i*>(p))};
  }
  static I32 add(I32 sum, I32 x, I32 w) {
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum.v) : "x"(x.v), "x"(w.v));
    return sum;
  }
};

}  // namespace

void gemm_i8_avx_vnni_6x16(const GemmI8& g) { gemm<Dot, 6, 2>(g); }

}  // namespace edgert
