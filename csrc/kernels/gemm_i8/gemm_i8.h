// Matrix multiplication of unsigned by signed bytes, weights in panels.
//
//   c[i][j] = requantize(sum over p of a[i][p] * b[p][j])
//
// with the sum exact, modulo 2^32, and the rest as accumulator.h says. A row of a may consist of
// several segments of the same length that lie at given distances, so that a convolution reads its
// taps in place. All kernels give the same bits; some do so only for weights that fit, see below.
//
// If `dynamic` is given, rows of a have scales and zero points of their own, c is float, and
//
//   c[i][j] = f(float(sum over p of (a[i][p] - zero[i]) * b[p][j]) * multiplier[j] * scale[i] +
//               bias[j] + residual[i][j])
//
// Preconditions: b is in layout k4n16, each segment by itself (the depth of a segment is filled up
// to a multiple of 4 with zeros); panels are aligned to 64 bytes. Reads and writes nothing outside
// of the elements stated and of the panels that hold the n columns.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/cpu.h"
#include "kernels/records/accumulator.h"

namespace edgert {

constexpr int kPanelOutputs = 16;
constexpr int kPanelDepth = 4;
// Tiles of at most so many rows take them from several runs, see GemmI8: there are registers for as
// many pointers.
constexpr int kFreeRows = 6;

// AVX2 multiplies bytes to sums of two products in 16 bits, which saturate. No sum of products of
// u8 does if, for each column, the positive weights in it add up to at most kMaxFit and the
// negative ones to at least -kMaxFit: 255 * 128 = 32640. The weights of a segment fit in
//   kPairs  if that holds for the neighbours p = 2q and 2q + 1
//   kQuads  if it does for p = 8q, 8q + 1, 8q + 4, 8q + 5 and for 8q + 2, 8q + 3, 8q + 6, 8q + 7
enum class WeightFit : uint8_t { kAny, kPairs, kQuads };
constexpr int kMaxFit = 128;

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
  void* c;          // uint8_t, int16_t or float, as output.dtype says
  size_t c_stride;  // elements, of c and of the residual
  AccumulatorOutput out;
  // Or null. out.bias is the negative sum of each column of b then, out.output has type f32.
  const DynamicOutput* dynamic;
};

using GemmI8Fn = void (*)(const GemmI8&);

struct GemmI8Kernel {
  const char* name;
  Isa isa;
  GemmI8Fn run;
  int mr, nr;  // the tile: rows and columns held in registers
  WeightFit needs;
};

#define KERNEL(symbol, isa, mr, nr, needs) void symbol(const GemmI8&);
#include "kernels/gemm_i8/kernels.inc"

// The best kernel that `isa` can run for weights that fit so far.
const GemmI8Kernel& select_gemm_i8(IsaSet isa, WeightFit fit);

}  // namespace edgert
