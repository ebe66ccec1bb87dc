// Matrix multiplication of unsigned by signed bytes, weights in panels.
//
//   c[i][j] = requantize(sum over p of a[i][p] * b[p][j])
//
// with the sum exact, modulo 2^32, and the rest as accumulator.h says. A row of a may consist of
// several segments of the same length that lie at given distances, so that a convolution reads its
// taps in place. All kernels give the same bits; some do so only for weights
// that fit, see weights/fit.h.
//
// If `dynamic` is given, rows of a have scales and zero points of their own, c is float, and
//
//   c[i][j] = f(float(sum over p of (a[i][p] - zero[i]) * b[p][j]) * multiplier[j] * scale[i] +
//               bias[j] + residual[i][j])
//
// Kernels of weights in a packed form read codes in panels, of one segment, and look them up in a
// table whose entries are at most 32 from zero: so they fit in quads.
//
// Preconditions: b is in form k4n16, each segment by itself (the depth of a segment is filled up
// to a multiple of 4 with zeros); panels are aligned to 64 bytes. Reads and writes nothing outside
// of the elements stated and of the panels that hold the n columns.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/records/accumulator.h"
#include "kernels/records/product.h"
#include "weights/panel.h"

namespace edgert {

// Tiles of at most so many rows take them from several runs, see GemmI8: there are registers for as
// many pointers.
constexpr int kFreeRows = 6;

struct DynamicScale {  // byte q of a row stands for scale * (q - zero)
  float scale;
  int32_t zero;
};

struct DynamicOutput {
  const DynamicScale* scales;  // of row i: scales[i * scale_step]
  size_t scale_step;           // 1, or 0 if all rows have the same
  const float* bias;           // or null
  const float* residual;       // rows as those of c, or null; may be c itself
};

struct GemmI8 {
  size_t m, n;
  size_t k;  // depth of a segment
  size_t segments;
  // Row i, segment s, element p: a[i / run * a_run_stride + i % run * a_stride + a_offsets[s] + p].
  const uint8_t* a;
  size_t run;  // rows that lie a_stride apart, such as a row of pixels; a divisor of m
  size_t a_run_stride, a_stride;
  const size_t* a_offsets;
  const int8_t* b;  // (s, p, j): b[j / 16 * b_panel_stride +
                    //            (s * ceil(k / 4) + p / 4) * 64 + j % 16 * 4 + p % 4]
  size_t b_panel_stride;
  const int8_t* table;  // of weights that are codes: b, and what they stand for
  void* c;              // uint8_t, int16_t or float, as output.dtype says
  size_t c_stride;      // elements, of c and of the residual
  AccumulatorOutput out;
  // Or null. There is no out.bias then, and out.output has type f32.
  const DynamicOutput* dynamic;
  const int32_t* column_sums;  // of b, where there is `dynamic`, and for kernels that read them
};

struct GemmI8Kernel : ProductKernel<GemmI8> {
  bool column_sums;  // read always
};

#define KERNEL(symbol, ...) void symbol(const GemmI8&);
#include "kernels/gemm_i8/kernels.inc"

// The best kernel that `isa` can run for weights in this form that fit so far.
const GemmI8Kernel& select_gemm_i8(IsaSet isa, WeightFit fit, Form form = Form::k4n16);

}  // namespace edgert
