#include "kernels/simd/portable.h"

#include "kernels/pool_f32/pool_f32_window.h"

namespace edgert {

void pool_f32_portable(const PoolF32& p) { pool(p); }

}  // namespace edgert
