#include "kernels/simd/avx2.h"

#include "kernels/unary_f32/unary_f32_loop.h"

namespace edgert {

void unary_f32_avx2(const UnaryF32& u) { unary(u); }

}  // namespace edgert
