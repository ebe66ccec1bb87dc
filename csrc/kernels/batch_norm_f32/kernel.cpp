#include "kernels/batch_norm_f32/batch_norm_f32.h"
#include "kernels/level.h"
#include "kernels/simd/activation.h"

namespace edgert {
namespace {

template <bool activates>
void normalise(const BatchNormF32& g) {
  constexpr size_t kLanes = F32::kLanes;
  const UnaryFn activation = static_cast<UnaryFn>(g.activation.fn);
  const F32 alpha = F32::broadcast(g.activation.alpha), beta = F32::broadcast(g.activation.beta);
  for (size_t r = 0; r < g.rows; ++r) {
    const float* const x = g.x + r * g.columns;
    float* const y = g.y + r * g.columns;
    const auto at = [&](size_t j, int n) {
      const F32 value =
          fma(load_first(x + j, n), load_first(g.scale + j, n), load_first(g.shift + j, n));
      return activates ? apply(activation, value, alpha, beta) : value;
    };
    size_t j = 0;
    for (; j + kLanes <= g.columns; j += kLanes) at(j, kLanes).store(y + j);
    const int left = static_cast<int>(g.columns - j);
    if (left > 0) at(j, left).store(y + j, left);
  }
}

inline void batch_norm(const BatchNormF32& g) {
  if (g.activation.fn == static_cast<int32_t>(UnaryFn::identity))
    normalise<false>(g);
  else
    normalise<true>(g);
}

}  // namespace

void KERNEL_NAME(batch_norm_f32)(const BatchNormF32& g) { batch_norm(g); }

}  // namespace edgert
