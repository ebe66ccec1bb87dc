#include "kernels/simd/avx512.h"

#include "kernels/softmax_f32/softmax_f32_loop.h"

namespace edgert {

void softmax_f32_avx512(const SoftmaxF32& g) { softmax(g); }

}  // namespace edgert
