#include "kernels/simd/avx512.h"

#include "kernels/dwconv_f32/dwconv_f32_rows.h"

namespace edgert {

void dwconv_f32_avx512(const DwconvF32& g) { dwconv(g); }

}  // namespace edgert
