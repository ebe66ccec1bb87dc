#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx512.h"

#include "kernels/resize_u8/resize_u8_row.h"

namespace edgert {

void resize_u8_avx512(const ResizeU8& r) { resize(r); }

}  // namespace edgert
