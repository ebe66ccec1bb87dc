#include "kernels/simd/avx512.h"

#include "kernels/layer_norm_f32/layer_norm_f32_loop.h"

namespace edgert {

void layer_norm_f32_avx512(const LayerNormF32& g) { layer_norm(g); }

}  // namespace edgert
