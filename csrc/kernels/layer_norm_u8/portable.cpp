#define EDGERT_ROUND_TWICE
#include "kernels/simd/portable.h"

#include "kernels/layer_norm_u8/layer_norm_u8_loop.h"

namespace edgert {
namespace {

struct Moments {
  I32 sums = I32::zero(), squares = I32::zero();
  __attribute__((noinline)) void add(I32 bytes) {  // long without vectors of bytes
    for (int i = 0; i < 4; ++i) {
      const I32 byte = bytes & I32::broadcast(255);
      sums = sums + byte;
      squares = squares + byte * byte;
      bytes = shift_right<8>(bytes);
    }
  }
};

}  // namespace

void layer_norm_u8_portable(const LayerNormU8& g) { layer_norm<Moments>(g); }

}  // namespace edgert
