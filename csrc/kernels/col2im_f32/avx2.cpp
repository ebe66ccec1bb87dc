#include "kernels/simd/avx2.h"

#include "kernels/col2im_f32/col2im_f32_pixel.h"

namespace edgert {

void col2im_f32_avx2(const Col2imF32& g) { col2im(g); }

}  // namespace edgert
