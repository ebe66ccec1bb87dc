#define EDGERT_ROUND_TWICE
#include "kernels/simd/portable.h"

#include "kernels/gemm_i16/gemm_i16_tile.h"

namespace edgert {
namespace {

inline I32 dot_words(I32 sum, I32 x, I32 w) {
  sum = sum + shift_right<16>(shift_left<16>(x)) * shift_right<16>(shift_left<16>(w));
  return sum + shift_right<16>(x) * shift_right<16>(w);
}

}  // namespace

void gemm_i16_portable_2x16(const GemmI16& g) { gemm<dot_words, 2>(g); }

}  // namespace edgert
