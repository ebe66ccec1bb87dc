// Matrix multiplication of unsigned by signed bytes, weights in panels.
//
//   c[i][j] = requantize(sum over p of a[i][p] * b[p][j])
//
// with the sum exact, modulo 2^32, and the rest as accumulator.h says. A row of a may consist of
// several segments of the same length that lie at given distances, so that a convolution reads its
// taps in place. All kernels give the same bits; some do so only for weights that keep a rule:
//
//   fits_int16: in every pair of neighbours, p = 2q and 2q + 1 of a segment, the positive weights
//   of a column sum to at most kMaxPairSum, the negative ones to at least -kMaxPairSum, so that
//   no sum of two products leaves 16 bits: 255 * 128 = 32640
//
// Preconditions: b is in layout k4n16, each segment by itself (the depth of a segment is filled up
// to a multiple of 4 with zeros); panels are aligned to 64 bytes. Reads and writes nothing outside
// of the elements stated and of the panels that hold the n columns.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/cpu.h"
#include "kernels/accumulator.h"

namespace edgert {

constexpr int kPanelOutputs = 16;
constexpr int kPanelDepth = 4;
constexpr int kMaxPairSum = 128;  // of fits_int16

struct GemmI8 {
  size_t m, n;
  size_t k;  // depth of a segment
  size_t segments;
  const uint8_t* a;  // row i, segment s, element p: a[i * a_stride + a_offsets[s] + p]
  size_t a_stride;
  const size_t* a_offsets;
  const int8_t* b;  // (s, p, j): b[j / 16 * b_panel_stride +
                    //            (s * ceil(k / 4) + p / 4) * 64 + j % 16 * 4 + p % 4]
  size_t b_panel_stride;
  void* c;          // uint8_t or float, as output.dtype says
  size_t c_stride;  // elements, of c and of the residual
  AccumulatorOutput out;
};

using GemmI8Fn = void (*)(const GemmI8&);

struct GemmI8Kernel {
  const char* name;
  Isa isa;
  GemmI8Fn run;
  int mr, nr;  // the tile: rows and columns held in registers
  bool needs_fits_int16;
};

#define KERNEL(symbol, isa, mr, nr, needs_fits_int16) void symbol(const GemmI8&);
#include "kernels/gemm_i8/kernels.inc"

// The best kernel that `isa` can run for weights that keep the rule or not.
const GemmI8Kernel& select_gemm_i8(IsaSet isa, bool fits_int16);

}  // namespace edgert
