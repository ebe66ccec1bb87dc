#include "kernels/simd/avx512.h"

#include "kernels/binary_f32/binary_f32_loop.h"

namespace edgert {

void binary_f32_avx512(const BinaryF32& g) { binary(g); }

}  // namespace edgert
