#include "kernels/layer_norm_u8/layer_norm_u8.h"

#define EDGERT_ROUND_TWICE
#include "kernels/level.h"
#include "kernels/simd/byte_rows.h"

namespace edgert {
namespace {

inline void layer_norm(const LayerNormU8& g) {
  const ByteRounding rounding(g.zero);
  const int64_t n = static_cast<int64_t>(g.columns);
  const double count = static_cast<double>(n), epsilon = g.epsilon;
  for (size_t r = 0; r < g.rows; ++r) {
    const uint8_t* const x = g.x + r * g.columns;
    uint8_t* const y = g.y + r * g.columns;
    ByteMoments moments;
    for_bytes(x, g.columns, [&](I32 bytes) { moments.add(bytes); });
    const int64_t sum = sum_of_lanes(moments.sums);
    const double spread = static_cast<double>(n * sum_of_lanes(moments.squares) - sum * sum);
    const double variance = spread / (count * count);
    const F32 mean = constant(static_cast<float>(static_cast<double>(sum) / count));
    const F32 factor = constant(static_cast<float>(1.0 / __builtin_sqrt(variance + epsilon)));
    for_lanes(g.columns, [&](size_t j, int lanes) {
      const F32 t = (to_f32(load_lanes(x + j, lanes)) - mean) * factor;
      const F32 scaled = t * load_first(g.scale + j, lanes) + load_first(g.shift + j, lanes);
      store_lanes(y + j, rounding.round(scaled), lanes);
    });
  }
}

}  // namespace

void KERNEL_NAME(layer_norm_u8)(const LayerNormU8& g) { layer_norm(g); }

}  // namespace edgert
