// Matrix multiplication in float32, weights in panels.
//
//   c[i][j] = f(init + sum over p of a[i][p] * b[p][j] + residual[i][j])
//
// init is bias[j], or c[i][j] if `accumulate`, or 0. Each element is one chain of fused
// multiply-adds in the order of p, so that the bits of the result depend neither on the tile sizes
// nor on how the rows, the columns or (with `accumulate`) the depth are split. The portable kernel,
// on CPUs without fused multiply-add, rounds twice per step: its error is at most twice as large.
//
// Preconditions: b is in layout k1n16, aligned to 64 bytes; nothing else need be aligned. Reads and
// writes nothing outside of the m x k, m x n and n elements stated, nor beyond the last panel.
#pragma once

#include <cstddef>

#include "core/cpu.h"
#include "schema/attrs.h"

namespace edgert {

constexpr int kPanelWidth = 16;

struct GemmF32 {
  size_t m, n, k;
  const float* a;
  size_t a_stride;        // elements between rows
  const float* b;         // element (p, j) at b[(j / 16) * b_panel_stride + p * 16 + j % 16]
  size_t b_panel_stride;  // elements; k * 16 if the panels hold nothing else
  float* c;
  size_t c_stride;
  const float* bias;      // n elements or null
  const float* residual;  // m rows, or null; may be c itself
  size_t residual_stride;
  bool accumulate;        // start from c instead of from the bias
  Activation activation;  // the function f
};

using GemmF32Fn = void (*)(const GemmF32&);

struct GemmF32Kernel {
  const char* name;
  Isa isa;
  GemmF32Fn run;
  int mr, nr;  // the tile: rows and columns held in registers
};

#define KERNEL(symbol, isa, mr, nr) void symbol(const GemmF32&);
#include "kernels/gemm_f32/kernels.inc"

// Every kernel that `isa` can run, best first; never empty.
const GemmF32Kernel& select_gemm_f32(IsaSet isa);

}  // namespace edgert
