#include "kernels/simd/portable.h"

#include "kernels/lrn_f32/lrn_f32_loop.h"

namespace edgert {

void lrn_f32_portable(const LrnF32& g) { lrn(g); }

}  // namespace edgert
