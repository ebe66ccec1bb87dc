#include "kernels/level.h"
#include "kernels/reduce_f32/reduce_f32.h"
#include "kernels/simd/activation.h"

namespace edgert {
namespace {

// kVectors vectors of columns, side by side; the last of n elements.
template <typename Op, int kVectors>
inline void fold_columns(const ReduceF32& g, const float* x, float* y, float neutral, int n) {
  constexpr size_t kLanes = F32::kLanes;
  const Op op;
  const auto elements = [&](int v) { return v == kVectors - 1 ? n : static_cast<int>(kLanes); };
  F32 total[kVectors];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) total[v] = constant(neutral);
  for (size_t i = 0; i < g.count; ++i)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      total[v] = op(total[v], load_first(x + i * g.stride + v * kLanes, elements(v)));
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v)
    store_first(y + v * kLanes, elements(v), total[v] / constant(g.divisor));
}

template <typename Op>
void reduce_with(const ReduceF32& g, float neutral) {
  constexpr int kLanes = F32::kLanes, kVectors = 4;
  for (size_t o = 0; o < g.outer; ++o) {
    const float* const x = g.x + o * g.outer_stride;
    float* const y = g.y + o * g.inner;
    if (g.inner == 1 && g.stride == 1) {
      const auto value = [&](size_t j, int n) { return load_first(x + j, n); };
      *y = fold_row(g.count, neutral, Op(), value) / g.divisor;
      continue;
    }
    size_t j = 0;
    for (; j + kVectors * kLanes <= g.inner; j += kVectors * kLanes)
      fold_columns<Op, kVectors>(g, x + j, y + j, neutral, kLanes);
    for (; j + kLanes <= g.inner; j += kLanes)
      fold_columns<Op, 1>(g, x + j, y + j, neutral, kLanes);
    const int left = static_cast<int>(g.inner - j);
    if (left > 0) fold_columns<Op, 1>(g, x + j, y + j, neutral, left);
  }
}

inline void reduce(const ReduceF32& g) {
  switch (g.fn) {
    case ReduceFn::mean:
    case ReduceFn::sum:
      return reduce_with<Add>(g, 0.0f);
    case ReduceFn::max:
      return reduce_with<Max>(g, -__builtin_inff());
    case ReduceFn::min:
      return reduce_with<Min>(g, __builtin_inff());
    case ReduceFn::prod:
      return reduce_with<Multiply>(g, 1.0f);
  }
}

}  // namespace

void KERNEL_NAME(reduce_f32)(const ReduceF32& g) { reduce(g); }

}  // namespace edgert
