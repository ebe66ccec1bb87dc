#include "kernels/simd/avx512.h"

#include "kernels/reduce_f32/reduce_f32_loop.h"

namespace edgert {

void reduce_f32_avx512(const ReduceF32& g) { reduce(g); }

}  // namespace edgert
