#define EDGERT_ROUND_TWICE
#include "kernels/simd/portable.h"

#include "kernels/gemm_sparse_i8/gemm_sparse_i8_tile.h"

namespace edgert {
void gemm_sparse_i8_portable_1x4(const GemmSparseI8& g) {
  gemm_sparse<PlainDot<dot>, Bsr1x4, 4>(g);
}
void gemm_sparse_i8_portable_4x4(const GemmSparseI8& g) {
  gemm_sparse<PlainDot<dot>, Bsr4x4, 1>(g);
}

}  // namespace edgert
