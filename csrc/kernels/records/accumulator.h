// What follows the exact sum of products in the quantised matrix multiplication and convolutions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "schema/attrs.h"

namespace edgert {

// y[i][j] = requantize(float(sum[i][j] + bias[j]) * multiplier[j] +
//                      float(residual[i][j] - residual_zero) * residual_scale)
struct AccumulatorOutput {
  const int32_t* bias;
  const float* multiplier;
  const uint8_t* residual;  // rows as those of the output, or null; may be the output itself
  bool residual_is_i16;     // not uint8_t
  int32_t residual_zero;
  float residual_scale;
  Requantize output;
  bool small;  // no |sum * multiplier| reaches 2^30: it may become an integer before it is clamped
};

// finish() of simd/requantize.h, in floats of IEEE 754: for kernels whose vectors are none.
void finish_portably(const AccumulatorOutput& out, size_t j, const int32_t* sums, int rows,
                     int stride, int columns, void* y, size_t at, size_t y_stride);
void finish_portably(const AccumulatorOutput& out, size_t j, const float* sums, int rows,
                     int stride, int columns, void* y, size_t at, size_t y_stride);

}  // namespace edgert
