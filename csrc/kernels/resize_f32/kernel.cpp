#include "kernels/level.h"
#include "kernels/resize_f32/resize_f32.h"

namespace edgert {
namespace {

// `n` channels, from channel k on, of one pixel.
template <int kTaps>
inline F32 resize_vector(const float* const (&rows)[kTaps], const size_t (&columns)[kTaps],
                         const F32 (&row_weight)[kTaps], const F32 (&column_weight)[kTaps],
                         size_t k, int n) {
  const auto load = [&](int i, int j) {
    const float* const from = rows[i] + columns[j] + k;
    return n == F32::kLanes ? F32::load(from) : F32::load(from, n);
  };
  F32 sum = F32::zero();
#pragma GCC unroll 4
  for (int i = 0; i < kTaps; ++i) {
    F32 row = column_weight[0] * load(i, 0);
#pragma GCC unroll 4
    for (int j = 1; j < kTaps; ++j) row = fma(column_weight[j], load(i, j), row);
    sum = i == 0 ? row_weight[0] * row : fma(row_weight[i], row, sum);
  }
  return sum;
}

template <int kTaps>
inline void resize_all(const ResizeF32& z) {
  constexpr size_t kLanes = F32::kLanes;
  float* y = z.y;
  for (size_t r = 0; r < z.rows.size; ++r) {
    const float* rows[kTaps];
    F32 row_weight[kTaps];
    for (int i = 0; i < kTaps; ++i) {
      rows[i] = z.x + static_cast<size_t>(z.rows.at[r * kTaps + i]) * z.width * z.channels;
      row_weight[i] = F32::broadcast(z.rows.weight + r * kTaps + i);
    }
    for (size_t c = 0; c < z.columns.size; ++c, y += z.channels) {
      size_t columns[kTaps];
      F32 column_weight[kTaps];
      for (int j = 0; j < kTaps; ++j) {
        columns[j] = static_cast<size_t>(z.columns.at[c * kTaps + j]) * z.channels;
        column_weight[j] = F32::broadcast(z.columns.weight + c * kTaps + j);
      }
      size_t k = 0;
      for (; k + kLanes <= z.channels; k += kLanes)
        resize_vector<kTaps>(rows, columns, row_weight, column_weight, k, kLanes).store(y + k);
      const int left = static_cast<int>(z.channels - k);
      if (left > 0)
        resize_vector<kTaps>(rows, columns, row_weight, column_weight, k, left).store(y + k, left);
    }
  }
}

inline void resize(const ResizeF32& z) {
  if (z.taps == 2)
    resize_all<2>(z);
  else
    resize_all<4>(z);
}

}  // namespace

void KERNEL_NAME(resize_f32)(const ResizeF32& z) { resize(z); }

}  // namespace edgert
