#include "kernels/simd/avx2.h"

#include "kernels/resize_f32/resize_f32_pixel.h"

namespace edgert {

void resize_f32_avx2(const ResizeF32& r) { resize(r); }

}  // namespace edgert
