// Matrix multiplication in float32, of which the weights that are not zero are stored.
//
//   c[i][j] = f(bias[j] + residual[i][j] + sum over stored p of a[i][p] * b[p][j])
//
// bias and residual are 0 if absent. Each element is one chain of fused multiply-adds in the order
// of p, that of gemm_f32 without the terms of weights that are not stored: for finite a the same
// value, where it is not zero the same bits. The portable kernel, on CPUs without fused
// multiply-add, rounds twice per step: its error is at most twice as large. A row of a may consist
// of several segments of the same length that lie at given distances, so that a convolution reads
// its taps in place. The lanes of a kernel are rows of a: `tile_rows` at a time become columns in
// scratch, which the weights of all outputs multiply.
//
// Preconditions: b has the rows of the n outputs in form csr, and keeps the rules of it; `scratch`
// is aligned to 64 bytes. Nothing else need be aligned. Reads and writes nothing outside of the
// elements stated.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/records/product.h"
#include "schema/attrs.h"
#include "weights/sparse/block.h"

namespace edgert {

struct GemmSparseF32 {
  size_t m, n;
  size_t k;  // depth of a segment
  size_t segments;
  // Row i, segment s, element p: a[i / run * a_run_stride + i % run * a_stride + a_offsets[s] + p].
  const float* a;
  size_t run;  // rows that lie a_stride apart, such as a row of pixels; a divisor of m
  size_t a_run_stride, a_stride;
  const size_t* a_offsets;
  // Rows that become columns together: the kernel's mr, or a half, a quarter, ... with at least 16.
  size_t tile_rows;
  BlockRows<float> b;
  float* c;
  size_t c_stride;        // of the residual, too
  const float* bias;      // n elements or null
  const float* residual;  // m rows, or null; may be c itself
  Activation activation;  // the function f
  std::byte* scratch;     // gemm_sparse_f32_scratch_bytes()
};

using GemmSparseF32Kernel = ProductKernel<GemmSparseF32>;

constexpr size_t kSparseColumns = 16;  // outputs that are written together

// Of `tile_rows` rows of a depth of so many elements.
inline size_t gemm_sparse_f32_scratch_bytes(size_t tile_rows, size_t depth) {
  return tile_rows * (depth + kSparseColumns) * sizeof(float);
}

#define KERNEL(symbol, ...) void symbol(const GemmSparseF32&);
#include "kernels/gemm_sparse_f32/kernels.inc"

// The best kernel that `isa` can run.
const GemmSparseF32Kernel& select_gemm_sparse_f32(IsaSet isa);

}  // namespace edgert
