#include "kernels/level.h"
#include "kernels/lrn_f32/lrn_f32.h"
#include "kernels/simd/activation.h"

namespace edgert {
namespace {

// The sum of squares around column c.
inline float window(const float* x, size_t columns, size_t c, size_t before, size_t after) {
  const size_t first = c < before ? 0 : c - before;
  const size_t last = columns - 1 - c < after ? columns - 1 : c + after;
  float sum = 0.0f;
  for (size_t i = first; i <= last; ++i) sum = sum + x[i] * x[i];
  return sum;
}

inline void lrn(const LrnF32& g) {
  constexpr size_t kLanes = F32::kLanes;
  const size_t before = (g.size - 1) / 2, after = g.size / 2;
  const F32 alpha = constant(g.alpha / static_cast<float>(g.size));
  for (size_t r = 0; r < g.rows; ++r) {
    const float* const x = g.x + r * g.columns;
    float* const y = g.y + r * g.columns;
    for (size_t c = 0; c < g.columns; c += kLanes) {
      const int n = static_cast<int>(g.columns - c < kLanes ? g.columns - c : kLanes);
      F32 sum = F32::zero();
      if (c >= before && after < g.columns - c && kLanes <= g.columns - c - after) {
        for (size_t i = c - before; i <= c + after; ++i) {
          const F32 value = F32::load(x + i);
          sum = sum + value * value;
        }
      } else {
        float sums[kLanes] = {};
        for (int i = 0; i < n; ++i) sums[i] = window(x, g.columns, c + i, before, after);
        sum = F32::load(sums);
      }
      const F32 power = exp(constant(-g.beta) * log(fma(alpha, sum, constant(g.bias))));
      store_first(y + c, n, load_first(x + c, n) * power);
    }
  }
}

}  // namespace

void KERNEL_NAME(lrn_f32)(const LrnF32& g) { lrn(g); }

}  // namespace edgert
