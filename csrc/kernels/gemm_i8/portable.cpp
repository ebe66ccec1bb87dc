#define EDGERT_ROUND_TWICE
#include "kernels/simd/portable.h"

#include "kernels/gemm_i8/gemm_i8_codes.h"
#include "kernels/gemm_i8/gemm_i8_steps.h"

namespace edgert {
namespace {

struct TwoDots : PlainDot<dot> {
  using PlainDot::add;
  static I32 add(I32 sum, I32 x, I32 w, I32 y, I32 v) { return dot(dot(sum, x, w), y, v); }
};

template <int kBits>
struct Codes {
  const int8_t* table;
  explicit Codes(const int8_t* table) : table(table) {}
  void steps(const uint8_t* p, I32 (&w)[8 / kBits]) const {
    int8_t bytes[sizeof(I32)];
    for (int s = 0; s < 8 / kBits; ++s) {
      for (size_t i = 0; i < sizeof bytes; ++i)
        bytes[i] = table[p[i] >> (s * kBits) & ((1 << kBits) - 1)];
      std::memcpy(&w[s], bytes, sizeof bytes);
    }
  }
};

}  // namespace

void gemm_i8_portable_2x8(const GemmI8& g) { gemm<Steps<PlainDot<dot>>, 2, 2>(g); }

void gemm_i8_portable_codes4(const GemmI8& g) { multiply_codes<Codes, 4, TwoDots, false, 1>(g); }

void gemm_i8_portable_codes2(const GemmI8& g) { multiply_codes<Codes, 2, TwoDots, false, 1>(g); }

}  // namespace edgert
