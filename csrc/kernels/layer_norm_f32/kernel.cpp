#include "kernels/layer_norm_f32/layer_norm_f32.h"
#include "kernels/level.h"
#include "kernels/simd/activation.h"

namespace edgert {
namespace {

inline void layer_norm(const LayerNormF32& g) {
  constexpr size_t kLanes = F32::kLanes;
  const float count = static_cast<float>(g.columns);
  for (size_t r = 0; r < g.rows; ++r) {
    const float* const x = g.x + r * g.columns;
    float* const y = g.y + r * g.columns;
    const auto value = [&](size_t j, int n) { return load_first(x + j, n); };
    const F32 mean = constant(fold_row(g.columns, 0.0f, Add(), value) / count);
    const auto square = [&](size_t j, int n) {
      const F32 distance = load_first(x + j, n) - mean;
      return distance * distance;
    };
    const float variance = fold_row(g.columns, 0.0f, Add(), square) / count;
    const F32 factor = constant(1.0f / __builtin_sqrtf(variance + g.epsilon));
    const auto at = [&](size_t j, int n) {
      return fma((load_first(x + j, n) - mean) * factor, load_first(g.scale + j, n),
                 load_first(g.shift + j, n));
    };
    size_t j = 0;
    for (; j + kLanes <= g.columns; j += kLanes) at(j, kLanes).store(y + j);
    const int left = static_cast<int>(g.columns - j);
    if (left > 0) at(j, left).store(y + j, left);
  }
}

}  // namespace

void KERNEL_NAME(layer_norm_f32)(const LayerNormF32& g) { layer_norm(g); }

}  // namespace edgert
