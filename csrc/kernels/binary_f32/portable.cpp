#include "kernels/simd/portable.h"

#include "kernels/binary_f32/binary_f32_loop.h"

namespace edgert {

void binary_f32_portable(const BinaryF32& g) { binary(g); }

}  // namespace edgert
