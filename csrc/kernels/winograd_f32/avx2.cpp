#include "kernels/simd/avx2.h"

#include "kernels/winograd_f32/winograd_f32_tile.h"

namespace edgert {

const WinogradTransforms winograd_f32_avx2 = {weights, input, output};

}  // namespace edgert
