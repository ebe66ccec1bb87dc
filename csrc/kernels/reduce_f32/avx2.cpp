#include "kernels/simd/avx2.h"

#include "kernels/reduce_f32/reduce_f32_loop.h"

namespace edgert {

void reduce_f32_avx2(const ReduceF32& g) { reduce(g); }

}  // namespace edgert
