// Matrix multiplication in float32, weights in panels.
//
//   c[i][j] = f(init + sum over p of a[i][p] * b[p][j])
//
// init is bias[j] + residual[i][j], each 0 if absent, or c[i][j] if `accumulate`. A row of a may
// consist of several segments of the same length that lie at given distances, so that a convolution
// reads its taps in place. Each element is one chain of fused multiply-adds in the order of p, so
// that the bits of the result depend neither on the tile sizes nor on how the rows, the columns or
// (with `accumulate`) the depth are split. The portable kernel, on CPUs without fused multiply-add,
// rounds twice per step: its error is at most twice as large.
//
// Preconditions: b is in form k1n16 (aligned panels are faster); nothing else need be aligned.
// Reads and writes nothing outside of the elements stated and of the panels that hold the n
// columns.
#pragma once

#include <cstddef>

#include "kernels/records/product.h"
#include "schema/attrs.h"
#include "weights/panel.h"

namespace edgert {

struct GemmF32 {
  size_t m, n;
  size_t k;  // depth of a segment
  size_t segments;
  const float* a;  // row i, segment s, element p: a[i * a_stride + a_offsets[s] + p]
  size_t a_stride;
  const size_t* a_offsets;  // null: one segment at 0
  const float* b;           // element (p, j) at b[j / 16 * b_panel_stride + p * 16 + j % 16]
  size_t b_panel_stride;    // at least segments * k * 16
  float* c;
  size_t c_stride;
  const float* bias;      // n elements or null
  const float* residual;  // m rows, or null; may be c itself
  size_t residual_stride;
  bool accumulate;        // start from c; bias and residual are null then
  Activation activation;  // the function f
  // Where the panels of the next call start, to be fetched meanwhile, or null; and how many tiles
  // of the same weights have already fetched their part.
  const float* prefetch;
  size_t prefetched;
};

// So few rows have wider tiles than the kernel's row says: give them all their columns in one call.
constexpr size_t kFewRows = 2;

using GemmF32Kernel = ProductKernel<GemmF32>;

#define KERNEL(symbol, ...) void symbol(const GemmF32&);
#include "kernels/gemm_f32/kernels.inc"

// The best kernel that `isa` can run.
const GemmF32Kernel& select_gemm_f32(IsaSet isa);

}  // namespace edgert
