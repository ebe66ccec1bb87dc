#include "kernels/col2im_f32/col2im_f32.h"
#include "kernels/level.h"
#include "kernels/simd/epilogue.h"

namespace edgert {
namespace {

inline void col2im(const Col2imF32& g) {
  constexpr size_t kLanes = F32::kLanes;
  const Clamp clamp(g.activation);
  float* y = g.y;
  for (size_t r = 0; r < g.rows.size; ++r) {
    float* const row = y;
    for (size_t c = 0; c < g.columns.size; ++c, y += g.y_stride) {
      const auto pixel = [&](size_t k, auto load) {
        F32 sum = g.bias ? load(g.bias + k) : F32::zero();
        for (size_t i = g.rows.start[r]; i < g.rows.start[r + 1]; ++i) {
          const float* const x = g.x + (g.rows.offset[i] - g.origin) + k;
          for (size_t j = g.columns.start[c]; j < g.columns.start[c + 1]; ++j)
            sum = sum + load(x + g.columns.offset[j]);
        }
        return clamp(sum);
      };
      size_t k = 0;
      for (; k + kLanes <= g.channels; k += kLanes)
        pixel(k, [](const float* p) { return F32::load(p); }).store(y + k);
      if (const int left = static_cast<int>(g.channels - k); left > 0)
        pixel(k, [left](const float* p) { return F32::load(p, left); }).store(y + k, left);
    }
    if (is_clamp(g.activation)) continue;
    if (g.y_stride == g.channels)  // whole vectors, however few channels there are
      activate(g.activation, row, 1, 0, g.columns.size * g.channels);
    else
      activate(g.activation, row, g.columns.size, g.y_stride, g.channels);
  }
}

}  // namespace

void KERNEL_NAME(col2im_f32)(const Col2imF32& g) { col2im(g); }

}  // namespace edgert
