#include "kernels/simd/portable.h"

#include "kernels/reduce_f32/reduce_f32_loop.h"

namespace edgert {

void reduce_f32_portable(const ReduceF32& g) { reduce(g); }

}  // namespace edgert
