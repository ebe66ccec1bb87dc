#define EDGERT_ROUND_TWICE
#include "kernels/simd/portable.h"

#include "kernels/pool_u8/pool_u8_window.h"

namespace edgert {

void pool_u8_portable(const PoolU8& p) { pool(p); }

}  // namespace edgert
