#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx512.h"

#include "kernels/softmax_u8/softmax_u8_loop.h"

namespace edgert {
namespace {

struct Entries {  // by single loads: gathers are slow on many CPUs
  static I32 at(const int32_t* table, const uint8_t* x) {
    return {_mm512_setr_epi32(table[x[0]], table[x[1]], table[x[2]], table[x[3]], table[x[4]],
                              table[x[5]], table[x[6]], table[x[7]], table[x[8]], table[x[9]],
                              table[x[10]], table[x[11]], table[x[12]], table[x[13]], table[x[14]],
                              table[x[15]])};
  }
};

}  // namespace

void softmax_u8_avx512(const SoftmaxU8& g) { softmax<Entries>(g); }

}  // namespace edgert
