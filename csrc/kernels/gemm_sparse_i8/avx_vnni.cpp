#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx_vnni.h"

#include "kernels/gemm_sparse_i8/one_row_avx2.h"

namespace edgert {

void gemm_sparse_i8_avx_vnni_1x4(const GemmSparseI8& g) {
  gemm_sparse<PlainDot<dot>, Bsr1x4, 8>(g);
}
void gemm_sparse_i8_avx_vnni_4x4(const GemmSparseI8& g) {
  g.m == 1 ? multiply_row<dot>(g) : gemm_sparse<PlainDot<dot>, Bsr4x4, 2>(g);
}

}  // namespace edgert
