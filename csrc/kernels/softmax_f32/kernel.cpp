#include "kernels/level.h"
#include "kernels/simd/activation.h"
#include "kernels/softmax_f32/softmax_f32.h"

namespace edgert {
namespace {

// exp(x) for x <= 0, without subnormal results.
inline F32 term(F32 x) { return select(x < constant(-87.0f), F32::zero(), exp_normal(x)); }

inline F32 log_sum(F32 sum, bool wanted) { return wanted ? log(sum) : F32::zero(); }

inline void softmax_row(const float* x, float* y, size_t count, bool log) {
  constexpr size_t kLanes = F32::kLanes;
  const auto value = [&](size_t j, int n) { return load_first(x + j, n); };
  const F32 greatest = constant(fold_row(count, -__builtin_inff(), Max(), value));
  const auto keep = [&](size_t j, int n) {
    const F32 e = term(load_first(x + j, n) - greatest);
    if (!log) store_first(y + j, n, e);
    return e;
  };
  const F32 sum = constant(fold_row(count, 0.0f, Add(), keep));
  const F32 factor = constant(1.0f) / sum, logarithm = log_sum(sum, log);
  const auto at = [&](size_t j, int n) {
    return log ? load_first(x + j, n) - greatest - logarithm : load_first(y + j, n) * factor;
  };
  size_t j = 0;
  for (; j + kLanes <= count; j += kLanes) at(j, kLanes).store(y + j);
  const int left = static_cast<int>(count - j);
  if (left > 0) at(j, left).store(y + j, left);
}

// n columns, side by side.
inline void softmax_columns(const float* x, float* y, size_t count, size_t stride, int n,
                            bool log) {
  F32 greatest = constant(-__builtin_inff()), sum = F32::zero();
  for (size_t i = 0; i < count; ++i) greatest = max_or_nan(greatest, load_first(x + i * stride, n));
  for (size_t i = 0; i < count; ++i) {
    const F32 e = term(load_first(x + i * stride, n) - greatest);
    if (!log) store_first(y + i * stride, n, e);
    sum = sum + e;
  }
  const F32 factor = constant(1.0f) / sum, logarithm = log_sum(sum, log);
  for (size_t i = 0; i < count; ++i)
    store_first(y + i * stride, n,
                log ? load_first(x + i * stride, n) - greatest - logarithm
                    : load_first(y + i * stride, n) * factor);
}

inline void softmax(const SoftmaxF32& g) {
  constexpr size_t kLanes = F32::kLanes;
  for (size_t o = 0; o < g.outer; ++o) {
    const float* const x = g.x + o * g.count * g.stride;
    float* const y = g.y + o * g.count * g.stride;
    if (g.stride == 1) {
      softmax_row(x, y, g.count, g.log);
      continue;
    }
    size_t j = 0;
    for (; j + kLanes <= g.inner; j += kLanes)
      softmax_columns(x + j, y + j, g.count, g.stride, kLanes, g.log);
    const int left = static_cast<int>(g.inner - j);
    if (left > 0) softmax_columns(x + j, y + j, g.count, g.stride, left, g.log);
  }
}

}  // namespace

void KERNEL_NAME(softmax_f32)(const SoftmaxF32& g) { softmax(g); }

}  // namespace edgert
