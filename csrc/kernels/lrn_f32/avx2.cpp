#include "kernels/simd/avx2.h"

#include "kernels/lrn_f32/lrn_f32_loop.h"

namespace edgert {

void lrn_f32_avx2(const LrnF32& g) { lrn(g); }

}  // namespace edgert
