#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx512_vnni.h"

#include "kernels/gemm_i8/gemm_i8_tile.h"

namespace edgert {
namespace {

struct Dot {
  using Weights = I32;
  static I32 load(const int8_t* p) { return I32::load(reinterpret_cast<const int32_t*>(p)); }
  static I32 add(I32 sum, I32 x, I32 w) { return dot(sum, x, w); }
};

}  // namespace

void gemm_i8_avx512_vnni_14x32(const GemmI8& g) { gemm<Dot, 14, 2>(g); }

}  // namespace edgert
