#define EDGERT_ROUND_TWICE
#include "kernels/simd/neon_dot.h"

#include "kernels/gemm_sparse_i8/gemm_sparse_i8_tile.h"

namespace edgert {
namespace {

// The instruction takes signed bytes: columns have what they are above 128.
inline I32 dot_signed(I32 sum, I32 x, I32 w) {
  return {vdotq_s32(sum.v, vreinterpretq_s8_s32(x.v), vreinterpretq_s8_s32(w.v))};
}

struct SignedDot : PlainDot<dot_signed> {
  static constexpr int32_t kFlip = static_cast<int32_t>(0x80808080);
};

}  // namespace

void gemm_sparse_i8_neon_dot_1x4(const GemmSparseI8& g) { gemm_sparse<SignedDot, Bsr1x4, 16>(g); }
void gemm_sparse_i8_neon_dot_4x4(const GemmSparseI8& g) { gemm_sparse<SignedDot, Bsr4x4, 4>(g); }

}  // namespace edgert
