#include "kernels/level.h"
#include "kernels/pool_f32/pool_f32.h"

namespace edgert {
namespace {

// kVectors vectors of channels of one window; `channels` of the last one exist.
template <bool average, int kVectors>
inline void pool_window(const PoolImage& image, const PoolWindow& row, const PoolWindow& column,
                        const float* x, float* y, int channels) {
  constexpr int kLanes = F32::kLanes;
  const size_t row_step = static_cast<size_t>(image.row_dilation) * image.width * image.channels;
  const size_t column_step = static_cast<size_t>(image.column_dilation) * image.channels;
  const F32 lowest = F32::broadcast(-__builtin_inff());
  F32 acc[kVectors];
  for (int v = 0; v < kVectors; ++v) acc[v] = average ? F32::zero() : lowest;
  for (int32_t i = 0; i < row.taps; ++i) {
    const float* tap = x + static_cast<size_t>(i) * row_step;
    for (int32_t j = 0; j < column.taps; ++j, tap += column_step) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        const float* const from = tap + v * kLanes;
        const F32 value = kVectors == 1 ? F32::load(from, channels) : F32::load(from);
        acc[v] = average ? acc[v] + value : max(value, acc[v]);
      }
    }
  }
  const F32 count =
      F32::broadcast(static_cast<float>(row.counted) * static_cast<float>(column.counted));
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) {
    const F32 result = average ? acc[v] / count : acc[v];
    if (kVectors == 1)
      result.store(y + v * kLanes, channels);
    else
      result.store(y + v * kLanes);
  }
}

template <bool average>
inline void pool_all(const PoolF32& p) {
  constexpr size_t kLanes = F32::kLanes, kBlock = 4 * kLanes;
  const PoolImage& image = p.image;
  const size_t channels = image.channels;
  float* y = p.y;
  for (size_t r = 0; r < image.row_count; ++r)
    for (size_t c = 0; c < image.column_count; ++c, y += channels) {
      const PoolWindow &row = image.rows[r], &column = image.columns[c];
      const float* const x =
          p.x + (static_cast<size_t>(row.first) * image.width + static_cast<size_t>(column.first)) *
                    channels;
      size_t k = 0;
      for (; k + kBlock <= channels; k += kBlock)
        pool_window<average, 4>(image, row, column, x + k, y + k, kLanes);
      for (; k < channels; k += kLanes) {
        const size_t left = channels - k;
        pool_window<average, 1>(image, row, column, x + k, y + k,
                                static_cast<int>(left < kLanes ? left : kLanes));
      }
    }
}

inline void pool(const PoolF32& p) {
  if (p.average)
    pool_all<true>(p);
  else
    pool_all<false>(p);
}

}  // namespace

void KERNEL_NAME(pool_f32)(const PoolF32& p) { pool(p); }

}  // namespace edgert
