#include "kernels/simd/portable.h"

#include "kernels/unary_f32/unary_f32_loop.h"

namespace edgert {

void unary_f32_portable(const UnaryF32& u) { unary(u); }

}  // namespace edgert
