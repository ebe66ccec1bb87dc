#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx512_vnni.h"

#include "kernels/gemm_sparse_i8/gemm_sparse_i8_tile.h"

namespace edgert {

void gemm_sparse_i8_avx512_vnni_1x4(const GemmSparseI8& g) {
  gemm_sparse<PlainDot<dot>, Bsr1x4, 8>(g);
}
void gemm_sparse_i8_avx512_vnni_4x4(const GemmSparseI8& g) {
  gemm_sparse<PlainDot<dot>, Bsr4x4, 4>(g);
}

}  // namespace edgert
