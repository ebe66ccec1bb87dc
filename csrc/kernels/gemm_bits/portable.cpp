#define EDGERT_ROUND_TWICE
#include "kernels/simd/portable.h"

#include "kernels/gemm_bits/gemm_bits_tile.h"

namespace edgert {
namespace {

struct Bits {
  static constexpr int kPanels = 1;
  using Bytes = uint8_t __attribute__((vector_size(K1N16::kOutputs)));
  using Weights = Bytes;
  using Input = uint8_t;
  using Counts = Bytes;

  static Counts zero() { return Bytes{}; }
  static Weights load(const uint8_t* const* panels, size_t at) {
    Bytes w;
    __builtin_memcpy(&w, panels[0] + at, sizeof w);
    return w;
  }
  static Input broadcast(uint8_t byte) { return byte; }
  static Counts add(Counts counts, Input x, Weights w) {
    Bytes d = w ^ x;
    d -= (d >> 1) & 0x55;
    d = (d & 0x33) + ((d >> 2) & 0x33);
    return counts + ((d + (d >> 4)) & 0x0f);
  }
  static void widen(Counts counts, uint16_t* sums) {
    for (int o = 0; o < K1N16::kOutputs; ++o) sums[o] = static_cast<uint16_t>(sums[o] + counts[o]);
  }
  static uint32_t less(const int16_t* s, const int16_t* thresholds) {
    uint32_t bits = 0;
    for (int o = 0; o < K1N16::kOutputs; ++o) bits |= uint32_t{s[o] < thresholds[o]} << o;
    return bits;
  }
};

}  // namespace

void gemm_bits_portable_2x32(const GemmBits& g) { gemm_bits<Bits, 2, 2>(g); }

}  // namespace edgert
