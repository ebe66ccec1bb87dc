// Matrix multiplication of signed integers of 16 bits, weights in panels.
//
//   c[i][j] = requantize(float(bias[j] + sum over p of a[i][p] * b[p][j]))
//
// with the sum exact, rounded once to a float, and the rest as accumulator.h says. A row of a may
// consist of several segments, as in gemm_i8. All kernels give the same bits.
//
// Products are added in 32 bits for as long as no sum of them can overflow, whatever a is; sums of
// `chunk` steps are then added in double, which holds every integer below 2^53.
//
// Preconditions: b is in form k2n16, each segment by itself (the depth of a segment is filled up
// to a multiple of 2 with zeros), and has no -32768; panels are aligned to 64 bytes. For each
// column and any `chunk` steps that follow each other, 32768 times the sum of the weights'
// magnitudes is below 2^31; if `narrow`, that holds for the whole column and the magnitude of its
// bias together. Reads and writes nothing outside of the elements stated and of the panels that
// hold the n columns.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/records/accumulator.h"
#include "kernels/records/product.h"
#include "weights/panel.h"

namespace edgert {

struct GemmI16 {
  size_t m, n;
  size_t k;  // depth of a segment
  size_t segments;
  const int16_t* a;  // row i, segment s, element p: a[i * a_stride + a_offsets[s] + p]
  size_t a_stride;
  const size_t* a_offsets;
  const int16_t* b;  // (s, p, j): b[j / 16 * b_panel_stride +
                     //            (s * ceil(k / 2) + p / 2) * 32 + j % 16 * 2 + p % 2]
  size_t b_panel_stride;
  size_t chunk;  // steps of two, of all segments together; at least 1
  bool narrow;
  void* c;          // uint8_t, int16_t or float, as output.dtype says
  size_t c_stride;  // elements, of c and of the residual
  AccumulatorOutput out;
};

using GemmI16Kernel = ProductKernel<GemmI16>;

#define KERNEL(symbol, ...) void symbol(const GemmI16&);
#include "kernels/gemm_i16/kernels.inc"

// The best kernel that `isa` can run.
const GemmI16Kernel& select_gemm_i16(IsaSet isa);

}  // namespace edgert
