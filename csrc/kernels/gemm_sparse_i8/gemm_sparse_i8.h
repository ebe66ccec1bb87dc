// Matrix multiplication of unsigned by signed bytes, of which the weights that are not zero are
// stored, in blocks.
//
//   c[i][j] = requantize(sum over p of a[i][p] * b[p][j])
//
// with the sum exact, modulo 2^32, and the rest as accumulator.h says: the bits are those of
// gemm_i8 with the zeros. A row of a may consist of several segments of the same length that lie at
// given distances, so that a convolution reads its taps in place. The lanes of a kernel are rows of
// a: `tile_rows` of them at a time become columns in scratch, which the blocks of all outputs
// multiply. All kernels give the same bits; some do so only for weights that fit, see
// weights/fit.h.
//
// Preconditions: b has the rows of blocks of the n outputs, in the kernel's form, each segment by
// itself (its depth is filled up to a multiple of 4 with zeros); it keeps the rules of the form;
// `scratch` is aligned to 64 bytes. Nothing else need be aligned. Reads and writes nothing outside
// of the elements stated.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/records/accumulator.h"
#include "kernels/records/product.h"
#include "weights/sparse/block.h"

namespace edgert {

struct GemmSparseI8 {
  size_t m, n;
  size_t k;  // depth of a segment
  size_t segments;
  // Row i, segment s, element p: a[i / run * a_run_stride + i % run * a_stride + a_offsets[s] + p].
  const uint8_t* a;
  size_t run;  // rows that lie a_stride apart, such as a row of pixels; a divisor of m
  size_t a_run_stride, a_stride;
  const size_t* a_offsets;
  // Rows that become columns together: the kernel's mr, or a half, a quarter, ... with at least 16.
  size_t tile_rows;
  BlockRows<int8_t> b;
  void* c;          // uint8_t, int16_t or float, as output.dtype says
  size_t c_stride;  // elements, of c and of the residual
  AccumulatorOutput out;
  const int32_t* column_sums;  // the weights of each output added up, for kernels that read them
  std::byte* scratch;          // gemm_sparse_i8_scratch_bytes()
};

struct GemmSparseI8Kernel : ProductKernel<GemmSparseI8> {
  bool column_sums;  // read
  bool one_row;      // whether the lanes are not those of rows if there is a single one
};

constexpr size_t kSparseGroup = 16;  // outputs that become bytes together

// Of `tile_rows` rows of a depth of so many elements, each segment filled up.
inline size_t gemm_sparse_i8_scratch_bytes(size_t tile_rows, size_t depth) {
  return tile_rows * (depth + 2 * kSparseGroup * sizeof(int32_t));
}

#define KERNEL(symbol, ...) void symbol(const GemmSparseI8&);
#include "kernels/gemm_sparse_i8/kernels.inc"

// The best kernel that `isa` can run for weights of this form, bsr1x4 or bsr4x4, that fit so far.
const GemmSparseI8Kernel& select_gemm_sparse_i8(IsaSet isa, Form form, WeightFit fit);

}  // namespace edgert
