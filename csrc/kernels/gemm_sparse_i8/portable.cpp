#define EDGERT_ROUND_TWICE
#include "kernels/simd/portable.h"

#include "kernels/gemm_sparse_i8/gemm_sparse_i8_tile.h"

namespace edgert {
namespace {

inline I32 dot(I32 sum, I32 x, I32 w) {
  const I32 byte = I32::broadcast(255);
  sum = sum + (x & byte) * shift_right<24>(shift_left<24>(w));
  sum = sum + (shift_right<8>(x) & byte) * shift_right<24>(shift_left<16>(w));
  sum = sum + (shift_right<16>(x) & byte) * shift_right<24>(shift_left<8>(w));
  return sum + (shift_right<24>(x) & byte) * shift_right<24>(w);
}

}  // namespace

void gemm_sparse_i8_portable_1x4(const GemmSparseI8& g) {
  gemm_sparse<PlainDot<dot>, Bsr1x4, 4>(g);
}
void gemm_sparse_i8_portable_4x4(const GemmSparseI8& g) {
  gemm_sparse<PlainDot<dot>, Bsr4x4, 1>(g);
}

}  // namespace edgert
