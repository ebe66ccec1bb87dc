#include "kernels/simd/portable.h"

#include "kernels/col2im_f32/col2im_f32_pixel.h"

namespace edgert {

void col2im_f32_portable(const Col2imF32& g) { col2im(g); }

}  // namespace edgert
