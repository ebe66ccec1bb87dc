// Matrix multiplication of numbers that are 1 or -1, as bits, by weights in panels.
//
//   s[i][j] = start of row i[j] - 2 * (number of p with a[i][p] != b[p][j]), modulo 2^16
//
// A set bit is -1. With the depth for a start s is the sum of the products; rows at the border of
// an image, whose pads hold zeros, have others. A row of a may consist of several segments of the
// same length, as in gemm_i8. The result is one of two:
//
//   bits, c[i][j] = s[i][j] < thresholds[j], eight to a byte, those beyond the columns zero
//   float32, c[i][j] = f(float(s[i][j]) * multiplier[j] + bias[j] + residual[i][j]), from left to
//   right, each operation rounded on its own
//
// All kernels give the same bits.
//
// Preconditions: b is in form k1n16, of bytes with eight of the depth each. Reads and writes
// nothing outside of the elements stated and of the panels that hold the n columns; starts are
// there for all columns of these panels.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/records/product.h"
#include "schema/attrs.h"
#include "weights/panel.h"

namespace edgert {

struct GemmBits {
  size_t m, n;
  size_t k;  // bytes of a segment
  size_t segments;
  const uint8_t* a;  // (i, s, p): a[i * a_stride + a_offsets[s] + p]
  size_t a_stride;
  const size_t* a_offsets;
  const uint8_t* b;  // (s, p, j): b[j / 16 * b_panel_stride + (s * k + p) * 16 + j % 16]
  size_t b_panel_stride;
  const int16_t* starts;       // of row i: starts + start_places[i]
  const size_t* start_places;  // or null: all zero
  void* c;
  size_t c_stride;            // elements: bytes of bits, or floats
  const int16_t* thresholds;  // or null: the result is float32
  const float* multiplier;
  const float* bias;      // or null: 0
  const float* residual;  // rows as those of c, or null; may be c itself
  Activation activation;
};

using GemmBitsKernel = ProductKernel<GemmBits>;

#define KERNEL(symbol, ...) void symbol(const GemmBits&);
#include "kernels/gemm_bits/kernels.inc"

// The best kernel that `isa` can run.
const GemmBitsKernel& select_gemm_bits(IsaSet isa);

}  // namespace edgert
