#ifdef __aarch64__

#include "kernels/simd/neon.h"

#include "kernels/dwconv_f32/dwconv_f32_rows.h"

namespace edgert {

void dwconv_f32_neon(const DwconvF32& g) { dwconv(g); }

}  // namespace edgert

#endif
