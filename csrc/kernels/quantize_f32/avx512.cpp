#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx512.h"

#include "kernels/quantize_f32/quantize_f32_loop.h"

namespace edgert {

void quantize_f32_avx512(const QuantizeF32& q) { quantize<true>(q); }

}  // namespace edgert
