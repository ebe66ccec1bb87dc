#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx512.h"

#include "kernels/dequantize_f32/dequantize_f32_loop.h"

namespace edgert {

void dequantize_f32_avx512(const DequantizeF32& d) { dequantize(d); }

}  // namespace edgert
