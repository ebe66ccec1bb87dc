#include "kernels/simd/avx2.h"

#include "kernels/batch_norm_f32/batch_norm_f32_loop.h"

namespace edgert {

void batch_norm_f32_avx2(const BatchNormF32& g) { batch_norm(g); }

}  // namespace edgert
