#ifdef __aarch64__

#include "kernels/simd/neon.h"

#include "kernels/winograd_f32/winograd_f32_tile.h"

namespace edgert {

const WinogradTransforms winograd_f32_neon = {weights, input, output};

}  // namespace edgert

#endif
