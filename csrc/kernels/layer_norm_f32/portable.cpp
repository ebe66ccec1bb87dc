#include "kernels/simd/portable.h"

#include "kernels/layer_norm_f32/layer_norm_f32_loop.h"

namespace edgert {

void layer_norm_f32_portable(const LayerNormF32& g) { layer_norm(g); }

}  // namespace edgert
