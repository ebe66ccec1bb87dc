#define EDGERT_ROUND_TWICE
#include "kernels/simd/portable.h"

#include "kernels/dwconv_i16/dwconv_i16_wide.h"

namespace edgert {

void dwconv_i16_portable(const DwconvI16& g) { convolve_wide(g); }

}  // namespace edgert
