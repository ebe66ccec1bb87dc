#define EDGERT_ROUND_TWICE
#include "kernels/simd/portable.h"

#include "kernels/softmax_u8/softmax_u8_loop.h"

namespace edgert {
namespace {

struct Entries {
  static I32 at(const int32_t* table, const uint8_t* x) {
    I32 entries;
    for (int i = 0; i < F32::kLanes; ++i) entries.v[i] = static_cast<uint32_t>(table[x[i]]);
    return entries;
  }
};

}  // namespace

void softmax_u8_portable(const SoftmaxU8& g) { softmax<Entries>(g); }

}  // namespace edgert
