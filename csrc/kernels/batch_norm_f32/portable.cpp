#include "kernels/simd/portable.h"

#include "kernels/batch_norm_f32/batch_norm_f32_loop.h"

namespace edgert {

void batch_norm_f32_portable(const BatchNormF32& g) { batch_norm(g); }

}  // namespace edgert
