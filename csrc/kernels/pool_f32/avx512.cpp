#include "kernels/simd/avx512.h"

#include "kernels/pool_f32/pool_f32_window.h"

namespace edgert {

void pool_f32_avx512(const PoolF32& p) { pool(p); }

}  // namespace edgert
