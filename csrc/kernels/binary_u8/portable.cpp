#define EDGERT_ROUND_TWICE
#include "kernels/simd/portable.h"

#include "kernels/binary_u8/binary_u8_loop.h"

namespace edgert {

void binary_u8_portable(const BinaryU8& g) { binary(g); }

}  // namespace edgert
