#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx512.h"

#include "kernels/pool_u8/pool_u8_window.h"

namespace edgert {

void pool_u8_avx512(const PoolU8& p) { pool(p); }

}  // namespace edgert
