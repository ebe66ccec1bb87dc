#define EDGERT_ROUND_TWICE
#include "kernels/simd/portable.h"

#include "kernels/resize_u8/resize_u8_row.h"

namespace edgert {

void resize_u8_portable(const ResizeU8& r) { resize(r); }

}  // namespace edgert
