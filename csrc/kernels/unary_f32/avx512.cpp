#include "kernels/simd/avx512.h"

#include "kernels/unary_f32/unary_f32_loop.h"

namespace edgert {

void unary_f32_avx512(const UnaryF32& u) { unary(u); }

}  // namespace edgert
