#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx_vnni.h"

#include "kernels/dwconv_i8/bytes_avx2.h"
#include "kernels/dwconv_i8/quads.h"

namespace edgert {
namespace {

void run(const DwconvI8& g) {
  size_t c = 0;
  quad_blocks<Bytes32>(g, 17, c);
  quad_blocks<Bytes16>(g, 1, c);
}

}  // namespace

void dwconv_i8_avx_vnni(const DwconvI8& g) { for_bands(g, run); }

}  // namespace edgert
