// Matrix multiplication of floats, as bytes with a scale for each block of a row, by weights of 8,
// 4 or 2 bits with a scale, and perhaps a zero point, for each block of an output.
//
//   s = sum over the p of block q of a[i][p] * (b[p][j] - zero[q][j]), exact
//   t[i][j] = the sum, block after block, of float(s) * (a_scales[i][q] * scales[q][j])
//   c[i][j] = f(t[i][j] + bias[j])
//
// each operation of floats rounded on its own: all kernels give the same bits.
//
// Preconditions: k and block are multiples of 16, a block has at most 256 elements, the last one
// perhaps fewer; b is in form k4n16 or packed, of u8, panels are aligned to 64 bytes. a has -127 to
// 127. Reads and writes nothing outside of the elements stated and of the panels that hold the n
// columns.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/records/product.h"
#include "schema/attrs.h"
#include "weights/panel.h"

namespace edgert {

constexpr size_t kBlockStep = 16;  // of which blocks are multiples
constexpr size_t kMostBlock = 256;

struct GemmBlocks {
  size_t m, n, k;
  size_t block;           // elements
  const int8_t* a;        // rows of k
  const float* a_scales;  // rows of as many as there are blocks
  const int32_t* a_sums;  // the same, of the elements of each block
  const uint8_t* b;       // the first panel
  size_t b_panel_stride;  // bytes
  const float* scales;    // (q, j): scales[q * stride + j]
  const uint8_t* zeros;   // the same, or null:
  int32_t zero;           //   all have this one
  size_t stride;
  const float* bias;  // or null: nothing is added
  float* c;
  size_t c_stride;
  Activation activation;  // the function f
};

using GemmBlocksKernel = ProductKernel<GemmBlocks>;

#define KERNEL(symbol, ...) void symbol(const GemmBlocks&);
#include "kernels/gemm_blocks/kernels.inc"

// The best kernel that `isa` can run for weights in this form.
const GemmBlocksKernel& select_gemm_blocks(IsaSet isa, Form form);

}  // namespace edgert
