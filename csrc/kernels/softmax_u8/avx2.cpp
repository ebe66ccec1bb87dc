#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx2.h"

#include "kernels/softmax_u8/softmax_u8_loop.h"

namespace edgert {
namespace {

struct Entries {  // by single loads: gathers are slow on many CPUs
  static I32 at(const int32_t* table, const uint8_t* x) {
    return {_mm256_setr_epi32(table[x[0]], table[x[1]], table[x[2]], table[x[3]], table[x[4]],
                              table[x[5]], table[x[6]], table[x[7]])};
  }
};

}  // namespace

void softmax_u8_avx2(const SoftmaxU8& g) { softmax<Entries>(g); }

}  // namespace edgert
