#include "kernels/simd/avx2.h"

#include "kernels/binary_f32/binary_f32_loop.h"

namespace edgert {

void binary_f32_avx2(const BinaryF32& g) { binary(g); }

}  // namespace edgert
