// Normalisation of rows of bytes:
//
//   y[r][j] = clamp(round((float(x[r][j]) - mean) * factor * scale[j] + shift[j]) + zero, 0, 255)
//
// half to even, NaN giving 0. From the sum and the sum of squares of row r, which are exact,
//
//   mean = float(sum / n), factor = float(1 / sqrt((n * squares - sum^2) / n^2 + epsilon))
//
// in doubles, but for the difference, which is exact. Each operation is rounded on its own: all
// kernels give the same bits. x and y may be the same array. Any alignment.
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgert {

// 255^2 times as many is below 2^31.
constexpr size_t kMaxLayerNormColumns = 32768;

struct LayerNormU8 {
  size_t rows, columns;  // columns <= kMaxLayerNormColumns
  const uint8_t* x;
  const float* scale;
  const float* shift;
  float epsilon;
  int32_t zero;
  uint8_t* y;
};

}  // namespace edgert
