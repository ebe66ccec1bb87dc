#define EDGERT_ROUND_TWICE
#include "kernels/simd/portable.h"

#include "kernels/quantize_f32/quantize_f32_loop.h"

namespace edgert {

void quantize_f32_portable(const QuantizeF32& q) { quantize<false>(q); }

}  // namespace edgert
