#ifdef __aarch64__

#include <arm_neon.h>

#include "kernels/lookup_u8/lookup_u8_loop.h"

namespace edgert {
namespace {

// Four tables of 64 entries; an index beyond the end of one leaves its byte as it was.
struct Table {
  static constexpr size_t kBytes = 16;
  uint8x16x4_t quarters[4];

  explicit Table(const uint8_t* table) {
    for (int q = 0; q < 4; ++q) quarters[q] = vld1q_u8_x4(table + 64 * q);
  }

  void operator()(const uint8_t* x, uint8_t* y) const {
    const uint8x16_t quarter = vdupq_n_u8(64);
    uint8x16_t index = vld1q_u8(x);
    uint8x16_t entries = vqtbl4q_u8(quarters[0], index);
    for (int q = 1; q < 4; ++q) {
      index = vsubq_u8(index, quarter);
      entries = vqtbx4q_u8(entries, quarters[q], index);
    }
    vst1q_u8(y, entries);
  }
};

}  // namespace

void lookup_u8_neon(const LookupU8& g) { lookup<Table>(g); }

}  // namespace edgert

#endif
