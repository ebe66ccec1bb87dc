#include "kernels/records/accumulator.h"

#define EDGERT_ROUND_TWICE
#include "kernels/simd/portable.h"
#include "kernels/simd/requantize.h"

namespace edgert {

void finish_portably(const AccumulatorOutput& out, size_t j, const int32_t* sums, int rows,
                     int stride, int columns, void* y, size_t at, size_t y_stride) {
  finish(out, j, sums, rows, stride, columns, y, at, y_stride);
}
void finish_portably(const AccumulatorOutput& out, size_t j, const float* sums, int rows,
                     int stride, int columns, void* y, size_t at, size_t y_stride) {
  finish(out, j, sums, rows, stride, columns, y, at, y_stride);
}

}  // namespace edgert
