// The loops of every gemm_f32 kernel, over the vector type F32 of the including file.
#pragma once

#include "kernels/gemm_f32/gemm_f32.h"
#include "kernels/simd/activation.h"

namespace edgert {
namespace {

// One tile of kRows x (kVectors * kLanes) elements at row i, column j; `columns` of them exist.
// Vector v covers the columns v * kLanes ... of the panels that start at column j.
template <int kRows, int kVectors>
inline void tile(const GemmF32& g, size_t i, size_t j, int columns) {
  constexpr int kLanes = F32::kLanes;
  const float* const a = g.a + i * g.a_stride;
  const float* b[kVectors];
  for (int v = 0; v < kVectors; ++v) {
    const size_t column = j + v * kLanes;
    b[v] = g.b + column / kPanelWidth * g.b_panel_stride + column % kPanelWidth;
  }
  const auto count = [&](int v) {
    const int left = columns - v * kLanes;
    return left > kLanes ? kLanes : left < 0 ? 0 : left;
  };
  F32 acc[kRows][kVectors];
  for (int v = 0; v < kVectors; ++v) {
    const size_t column = j + v * kLanes;
    if (g.accumulate) {
      for (int r = 0; r < kRows; ++r)
        acc[r][v] = F32::load(g.c + (i + r) * g.c_stride + column, count(v));
    } else {
      const F32 init = g.bias ? F32::load(g.bias + column, count(v)) : F32::zero();
      for (int r = 0; r < kRows; ++r) acc[r][v] = init;
    }
  }
  for (size_t p = 0; p < g.k; ++p) {
    F32 w[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) w[v] = F32::load(b[v] + p * kPanelWidth);
#pragma GCC unroll 32
    for (int r = 0; r < kRows; ++r) {
      const F32 x = F32::broadcast(a + r * g.a_stride + p);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) acc[r][v] = fma(x, w[v], acc[r][v]);
    }
  }
  const UnaryFn fn = static_cast<UnaryFn>(g.activation.fn);
  const F32 alpha = F32::broadcast(g.activation.alpha), beta = F32::broadcast(g.activation.beta);
  for (int v = 0; v < kVectors; ++v) {
    const int n = count(v);
    if (n == 0) break;
    const size_t column = j + v * kLanes;
    for (int r = 0; r < kRows; ++r) {
      F32 y = acc[r][v];
      if (g.residual) y = y + F32::load(g.residual + (i + r) * g.residual_stride + column, n);
      apply(fn, y, alpha, beta).store(g.c + (i + r) * g.c_stride + column, n);
    }
  }
}

// The last m % kRows rows, with as many rows in registers as there are.
template <int kRows, int kVectors>
inline void tail_rows(const GemmF32& g, size_t i, size_t j, int columns) {
  if constexpr (kRows > 0) {
    if (g.m - i == kRows)
      tile<kRows, kVectors>(g, i, j, columns);
    else
      tail_rows<kRows - 1, kVectors>(g, i, j, columns);
  }
}

// All rows of the columns j ... ; a tile whose last vector has no column would read a panel that is
// not there, so it is narrowed first.
template <int kRows, int kVectors>
inline void column_block(const GemmF32& g, size_t j, int columns) {
  if constexpr (kVectors > 1) {
    if (columns <= (kVectors - 1) * F32::kLanes)
      return column_block<kRows, kVectors - 1>(g, j, columns);
  }
  size_t i = 0;
  for (; i + kRows <= g.m; i += kRows) tile<kRows, kVectors>(g, i, j, columns);
  tail_rows<kRows - 1, kVectors>(g, i, j, columns);
}

template <int kRows, int kVectors>
inline void gemm(const GemmF32& g) {
  constexpr int kColumns = kVectors * F32::kLanes;
  for (size_t j = 0; j < g.n; j += kColumns)
    column_block<kRows, kVectors>(g, j, g.n - j < kColumns ? static_cast<int>(g.n - j) : kColumns);
}

}  // namespace
}  // namespace edgert
