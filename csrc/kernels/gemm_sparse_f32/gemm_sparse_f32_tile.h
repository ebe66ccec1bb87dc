// The loops of every gemm_sparse_f32 kernel, over the vector types of the including file.
#pragma once

#include "kernels/gemm_sparse_f32/gemm_sparse_f32.h"
#include "kernels/simd/columns.h"
#include "kernels/simd/epilogue.h"

namespace edgert {
namespace {

// Where sums start: the bias, and the residuals of `rows` rows, turned into columns; `outputs`
// columns of kRows each.
template <int kRows>
void start_sums(const GemmSparseF32& g, size_t i, size_t rows, size_t j, int outputs, float* sums) {
  constexpr int kLanes = F32::kLanes;
  for (int o = 0; o < outputs; o += kLanes) {
    const int n = outputs - o < kLanes ? outputs - o : kLanes;
    const F32 bias = g.bias ? load_first(g.bias + j + o, n) : F32::zero();
    for (size_t r = 0; r < kRows; r += kLanes) {
      F32 block[kLanes];
#pragma GCC unroll 16
      for (size_t l = 0; l < kLanes; ++l) {
        const size_t row = r + l < rows ? r + l : rows - 1;
        const F32 residual = load_first(g.residual + (i + row) * g.c_stride + j + o, n);
        block[l] = g.bias ? bias + residual : residual;
      }
      transpose(block);
#pragma GCC unroll 16
      for (int l = 0; l < kLanes; ++l) block[l].store(sums + (o + l) * kRows + r);
    }
  }
}

// The outputs of `rows` rows of a, from row i on, which lie in `columns`.
template <int kVectors>
void multiply_columns(const GemmSparseF32& g, const float* columns, size_t i, size_t rows,
                      float* sums) {
  constexpr int kLanes = F32::kLanes, kRows = kVectors * kLanes;
  const uint16_t* count = g.b.counts;
  const float* w = g.b.blocks;
  const uint8_t* gap = g.b.gaps;
  const Clamp clamp(g.activation);
  for (size_t j = 0; j < g.n; j += kSparseColumns) {
    const int outputs =
        static_cast<int>(g.n - j < kSparseColumns ? g.n - j : size_t{kSparseColumns});
    if (g.residual) start_sums<kRows>(g, i, rows, j, outputs, sums);
    for (int o = 0; o < outputs; ++o) {
      float* const sum = sums + o * kRows;
      // Every loop over accumulators is unrolled, or the compiler would keep them in memory.
      F32 acc[kVectors];
      const F32 bias = g.bias ? F32::broadcast(g.bias + j + o) : F32::zero();
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) acc[v] = g.residual ? F32::load(sum + v * kLanes) : bias;
      const float* x = columns;
      for (size_t left = *count++; left > 0; --left) {
        x += *gap++ * size_t{kRows};
        const F32 weight = F32::broadcast(w++);
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v)
          acc[v] = accumulate(acc[v], F32::load(x + v * kLanes), weight);
        x += kRows;
      }
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) clamp(acc[v]).store(sum + v * kLanes);
    }
    float* const c = g.c + i * g.c_stride + j;
    to_rows<kRows>(sums, outputs, [&](int r, int o, const F32(&block)[kLanes]) {
      const int n = outputs - o < kLanes ? outputs - o : kLanes;
      const int left = static_cast<int>(rows) - r;
      for (int l = 0; l < kLanes && l < left; ++l)
        store_first(c + static_cast<size_t>(r + l) * g.c_stride + o, n, block[l]);
    });
    if (!is_clamp(g.activation)) activate(g.activation, c, rows, g.c_stride, outputs);
  }
}

// As many rows as kVectors vectors hold at a time, and the rest in as few as hold them.
template <int kVectors>
void multiply_rows(const GemmSparseF32& g, RowAddresses& addresses, size_t i) {
  constexpr int kRows = kVectors * F32::kLanes;
  float* const columns = reinterpret_cast<float*>(g.scratch);
  float* const sums = columns + g.segments * g.k * kRows;
  for (; i < g.m && (g.m - i >= kRows || g.m - i > kRows - F32::kLanes); i += kRows) {
    const size_t rows = g.m - i < kRows ? g.m - i : kRows;
    const uint8_t* row[kRows];
    addresses.take(row, rows, kRows);
    for (size_t s = 0; s < g.segments; ++s)
      to_columns<kRows>(row, g.a_offsets[s] * sizeof(float), g.k * sizeof(float), I32::zero(),
                        reinterpret_cast<uint32_t*>(columns) + s * g.k * kRows);
    multiply_columns<kVectors>(g, columns, i, rows, sums);
  }
  if constexpr (kVectors > 1)
    if (i < g.m) multiply_rows<kVectors - 1>(g, addresses, i);
}

// A single row of a, whose lanes would be empty: the chains of a few outputs run side by side.
inline void multiply_row(const GemmSparseF32& g) {
  constexpr int kChains = 4, kGroup = kSparseColumns;
  const float* x = g.a + g.a_offsets[0];
  float* sums = reinterpret_cast<float*>(g.scratch);
  if (g.segments > 1) {
    for (size_t s = 0; s < g.segments; ++s)
      __builtin_memcpy(sums + s * g.k, g.a + g.a_offsets[s], g.k * sizeof(float));
    x = sums;
    sums += g.segments * g.k;
  }
  const uint16_t* count = g.b.counts;
  const float* w = g.b.blocks;
  const uint8_t* gap = g.b.gaps;
  const Clamp clamp(g.activation);
  for (size_t j = 0; j < g.n; j += kGroup) {
    const int outputs = g.n - j < kSparseColumns ? static_cast<int>(g.n - j) : kGroup;
    for (int o = 0; o < outputs; o += kChains) {
      F32 acc[kChains];
      const float *at[kChains], *weight[kChains];
      const uint8_t* gaps[kChains];
      size_t counts[kChains], least = SIZE_MAX;
#pragma GCC unroll 4
      for (int r = 0; r < kChains; ++r) {
        const bool is = o + r < outputs;
        const float* const bias = is && g.bias ? g.bias + j + o + r : nullptr;
        const float* const residual = is && g.residual ? g.residual + j + o + r : nullptr;
        acc[r] = bias ? F32::broadcast(bias) : F32::zero();
        if (residual) acc[r] = bias ? acc[r] + F32::broadcast(residual) : F32::broadcast(residual);
        at[r] = x;
        weight[r] = w;
        gaps[r] = gap;
        counts[r] = is ? count[r] : 0;
        w += counts[r];
        gap += counts[r];
        if (counts[r] < least) least = counts[r];
      }
      count += kChains;
      const auto step = [&](int r, size_t i) {
        at[r] += gaps[r][i];
        acc[r] = accumulate(acc[r], F32::broadcast(at[r]), F32::broadcast(weight[r] + i));
        ++at[r];
      };
      for (size_t i = 0; i < least; ++i) {
#pragma GCC unroll 4
        for (int r = 0; r < kChains; ++r) step(r, i);
      }
#pragma GCC unroll 4
      for (int r = 0; r < kChains; ++r) {
        for (size_t i = least; i < counts[r]; ++i) step(r, i);
        sums[o + r] = acc[r].first();
      }
    }
    for (int o = 0; o < outputs; o += F32::kLanes) {
      const int n = outputs - o < F32::kLanes ? outputs - o : F32::kLanes;
      store_first(g.c + j + o, n, clamp(F32::load(sums + o)));
    }
    if (!is_clamp(g.activation)) activate(g.activation, g.c + j, 1, g.c_stride, outputs);
  }
}

template <int kVectors>
void gemm_sparse(const GemmSparseF32& g) {
  if (g.m == 1) return multiply_row(g);
  if constexpr (kVectors > 1)
    if (g.tile_rows < kVectors * F32::kLanes) return gemm_sparse<kVectors - 1>(g);
  constexpr size_t kFloat = sizeof(float);
  RowAddresses addresses(g.a, g.run, g.a_run_stride * kFloat, g.a_stride * kFloat);
  multiply_rows<kVectors>(g, addresses, 0);
}

}  // namespace
}  // namespace edgert
