#include "kernels/simd/avx2.h"

#include "kernels/layer_norm_f32/layer_norm_f32_loop.h"

namespace edgert {

void layer_norm_f32_avx2(const LayerNormF32& g) { layer_norm(g); }

}  // namespace edgert
