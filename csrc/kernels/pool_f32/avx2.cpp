#include "kernels/simd/avx2.h"

#include "kernels/pool_f32/pool_f32_window.h"

namespace edgert {

void pool_f32_avx2(const PoolF32& p) { pool(p); }

}  // namespace edgert
