#include "kernels/simd/avx512.h"

#include "kernels/resize_f32/resize_f32_pixel.h"

namespace edgert {

void resize_f32_avx512(const ResizeF32& r) { resize(r); }

}  // namespace edgert
