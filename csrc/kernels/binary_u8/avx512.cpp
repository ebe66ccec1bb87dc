#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx512.h"

#include "kernels/binary_u8/binary_u8_loop.h"

namespace edgert {

void binary_u8_avx512(const BinaryU8& g) { binary(g); }

}  // namespace edgert
