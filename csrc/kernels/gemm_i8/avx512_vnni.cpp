#define EDGERT_ROUND_TWICE
#include "kernels/gemm_i8/gemm_i8_tile.h"
#include "kernels/simd/avx512.h"

namespace edgert {
namespace {

struct Dot {
  using Weights = I32;
  static I32 load(const int8_t* p) { return {_mm512_load_si512(p)}; }
  static I32 add(I32 sum, I32 x, I32 w) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum.v) : "v"(x.v), "v"(w.v));
    return sum;
  }
};

}  // namespace

void gemm_i8_avx512_vnni_14x32(const GemmI8& g) { gemm<Dot, 14, 2>(g); }

}  // namespace edgert
