// What the multiply-add units of a core do, by loops on registers alone.
#pragma once

#include <chrono>
#include <cstdint>

#include "core/cpu.h"

namespace edgert {

inline double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct PeakLoop {
  double macs;  // of a pass
  long passes;  // some 50 us of them
  void (*run)(long passes);
};

#if defined(__x86_64__)
// `step` over chains of sums \i. All registers are zero: no operand is a denormal.
#define EDGERT_PEAK_LOOP(chains, step)                                                         \
  [](long passes) {                                                                            \
    __asm__ volatile("vzeroall\n 1: .irp i," chains "\n" step                                  \
                     "\n .endr\n dec %0\n jnz 1b\n vzeroupper"                                 \
                     : "+r"(passes)                                                            \
                     :                                                                         \
                     : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", \
                       "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");          \
  }
#define EDGERT_TWELVE "0,1,2,3,4,5,6,7,8,9,10,11"

// Products of bytes under AVX2 are those that saturate; ours, which do not, may need fewer
// instructions, so that a share of the peak can be above 1.
inline PeakLoop peak_loop(Isa isa, bool bytes) {
  constexpr long kPasses = 20000;
  if (bytes) {
    switch (isa) {
      case Isa::avx2:
        return {6 * 32, kPasses,
                EDGERT_PEAK_LOOP("0,1,2,3,4,5",
                                 "vpmaddubsw %%ymm14,%%ymm15,%%ymm12\n"
                                 "vpmaddwd %%ymm13,%%ymm12,%%ymm12\n"
                                 "vpaddd %%ymm12,%%ymm\\i,%%ymm\\i")};
      case Isa::avx_vnni:
        return {12 * 32, kPasses,
                EDGERT_PEAK_LOOP(EDGERT_TWELVE, "%{vex%} vpdpbusd %%ymm14,%%ymm15,%%ymm\\i")};
      case Isa::avx512_vnni:
        return {12 * 64, kPasses,
                EDGERT_PEAK_LOOP(EDGERT_TWELVE, "vpdpbusd %%zmm14,%%zmm15,%%zmm\\i")};
      case Isa::amx_int8:
        return {6 * 16 * 16 * 64, kPasses / 20, [](long passes) {
                  struct alignas(64) {
                    uint8_t palette = 1, reserved[15] = {};
                    uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
                    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
                  } const shapes;
                  __asm__ volatile(
                      "ldtilecfg %1\n 1: .irp i,0,1,2,3,4,5\n tdpbusd %%tmm7,%%tmm6,%%tmm\\i\n"
                      ".endr\n dec %0\n jnz 1b\n tilerelease"
                      : "+r"(passes)
                      : "m"(shapes));
                }};
      default:
        return {};
    }
  }
  switch (isa) {
    case Isa::avx2:
      return {12 * 8, kPasses,
              EDGERT_PEAK_LOOP(EDGERT_TWELVE, "vfmadd231ps %%ymm14,%%ymm15,%%ymm\\i")};
    case Isa::avx512:
      return {12 * 16, kPasses,
              EDGERT_PEAK_LOOP(EDGERT_TWELVE, "vfmadd231ps %%zmm14,%%zmm15,%%zmm\\i")};
    default:
      return {};
  }
}
#else
inline PeakLoop peak_loop(Isa, bool) { return {}; }
#endif

// GMAC/s at this moment, or 0 where there is no loop for the level.
inline double peak(const PeakLoop& loop) {
  if (loop.run == nullptr) return 0;
  const double start = now();
  loop.run(loop.passes);
  return loop.macs * loop.passes * 1e-9 / (now() - start);
}

}  // namespace edgert
