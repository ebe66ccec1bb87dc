#include "kernels/simd/avx512.h"

#include "kernels/lrn_f32/lrn_f32_loop.h"

namespace edgert {

void lrn_f32_avx512(const LrnF32& g) { lrn(g); }

}  // namespace edgert
