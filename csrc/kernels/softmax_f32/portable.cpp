#include "kernels/simd/portable.h"

#include "kernels/softmax_f32/softmax_f32_loop.h"

namespace edgert {

void softmax_f32_portable(const SoftmaxF32& g) { softmax(g); }

}  // namespace edgert
