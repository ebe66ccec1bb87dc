#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx2.h"

#include "kernels/binary_u8/binary_u8_loop.h"

namespace edgert {

void binary_u8_avx2(const BinaryU8& g) { binary(g); }

}  // namespace edgert
