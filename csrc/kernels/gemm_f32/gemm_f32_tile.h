// The loops of every gemm_f32 kernel, over the vector type F32 of the including file.
#pragma once

#include <utility>

#include "kernels/gemm_f32/gemm_f32.h"
#include "kernels/simd/epilogue.h"

namespace edgert {
namespace {

// One tile of kRows x (kVectors * kLanes) elements at row i, column j; `columns` of them exist,
// more than half, and all if it is wider than two panels. Meanwhile a part of the next weights is
// fetched: a line per unrolled step, so that a few tiles share the work and none waits for memory.
template <int kRows, int kVectors>
void tile(const GemmF32& g, size_t i, size_t j, int columns, size_t number) {
  constexpr int kLanes = F32::kLanes;
  const float* b[kVectors];
  for (int v = 0; v < kVectors; ++v) {
    const size_t column = j + v * kLanes;
    b[v] = g.b + column / K1N16::kOutputs * g.b_panel_stride + column % K1N16::kOutputs;
  }
  float* const c = g.c + i * g.c_stride + j;
  const auto is_whole = [&](int v) { return v < kVectors / 2 || columns >= (v + 1) * kLanes; };
  const auto part = [&](int v) { return columns > v * kLanes ? columns - v * kLanes : 0; };
  const auto load = [&](const float* p, int v) {
    return is_whole(v) ? F32::load(p + v * kLanes) : F32::load(p + v * kLanes, part(v));
  };

  // Every loop over accumulators is unrolled, or the compiler would keep them in memory.
  F32 acc[kRows][kVectors];
  const float* const initial = g.accumulate ? c
                               : g.residual ? g.residual + i * g.residual_stride + j
                                            : nullptr;
  const size_t initial_stride = g.accumulate ? g.c_stride : g.residual_stride;
#pragma GCC unroll 16
  for (int v = 0; v < kVectors; ++v) {
    const F32 bias = g.bias ? load(g.bias + j, v) : F32::zero();
    if (initial == nullptr) {
#pragma GCC unroll 32
      for (int r = 0; r < kRows; ++r) acc[r][v] = bias;
    } else if (g.bias == nullptr) {
#pragma GCC unroll 32
      for (int r = 0; r < kRows; ++r) acc[r][v] = load(initial + r * initial_stride, v);
    } else {
#pragma GCC unroll 32
      for (int r = 0; r < kRows; ++r) acc[r][v] = bias + load(initial + r * initial_stride, v);
    }
  }

  constexpr int kUnroll = kRows * kVectors >= 16 ? 2 : 4;
  const float* next = b[0];
  if (g.prefetch &&
      number < kUnroll * ((kVectors * kLanes + K1N16::kOutputs - 1) / K1N16::kOutputs)) {
    const size_t lines = g.segments * g.k / kUnroll;
    next = g.prefetch + number / kUnroll * g.b_panel_stride +
           number % kUnroll * lines * K1N16::kOutputs;
  }
  const size_t stride = g.a_stride;
  for (size_t s = 0; s < g.segments; ++s) {
    // Every third row has a pointer; the two after it are reached through an index register.
    constexpr int kPointers = (kRows + 2) / 3;
    const float* a[kPointers];
    for (int r = 0; r < kPointers; ++r)
      a[r] = g.a + (i + 3 * r) * stride + (g.a_offsets ? g.a_offsets[s] : 0);
    const auto step = [&](int u) {  // the depth u from where the pointers are
      F32 w[kVectors];
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) w[v] = F32::load(b[v] + u * K1N16::kOutputs);
#pragma GCC unroll 32
      for (int r = 0; r < kRows; ++r) {
        const F32 x = F32::broadcast(a[r / 3] + r % 3 * stride + u);
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) acc[r][v] = accumulate(acc[r][v], x, w[v]);
      }
    };
    const auto advance = [&](int depth) {
      for (int r = 0; r < kPointers; ++r) a[r] += depth;
      for (int v = 0; v < kVectors; ++v) b[v] += depth * K1N16::kOutputs;
    };
    size_t left = g.k;
    for (; left >= kUnroll; left -= kUnroll) {
#pragma GCC unroll 4
      for (int u = 0; u < kUnroll; ++u) step(u);
      advance(kUnroll);
      __builtin_prefetch(next, 0, 2);
      next += K1N16::kOutputs;
    }
    for (; left > 0; --left) {
      step(0);
      advance(1);
    }
  }

  const Clamp clamp(g.activation);
#pragma GCC unroll 16
  for (int v = 0; v < kVectors; ++v)
#pragma GCC unroll 32
    for (int r = 0; r < kRows; ++r) {
      const F32 y = clamp(acc[r][v]);
      float* const out = c + r * g.c_stride + v * kLanes;
      if (is_whole(v))
        y.store(out);
      else
        y.store(out, part(v));
    }
  if (!is_clamp(g.activation)) activate(g.activation, c, kRows, g.c_stride, columns);
}

using Tile = void (*)(const GemmF32&, size_t, size_t, int, size_t);

template <int kVectors, int... kRows>
struct Tiles {
  static constexpr Tile of_rows[] = {tile<kRows + 1, kVectors>...};
};

template <int kVectors, int... kRows>
constexpr const Tile* tiles_of(std::integer_sequence<int, kRows...>) {
  return Tiles<kVectors, kRows...>::of_rows;
}

// All rows of the columns j ... in tiles of nearly equal height, so that there is no thin last one.
// Of columns that half a tile holds it is one of that width, so that no tile reads a panel that is
// not there.
template <int kRows, int kVectors>
void column_block(const GemmF32& g, size_t j, int columns) {
  if constexpr (kVectors > 1) {
    if (columns <= kVectors / 2 * F32::kLanes)
      return column_block<kRows, kVectors / 2>(g, j, columns);
  }
  const Tile* const tiles = tiles_of<kVectors>(std::make_integer_sequence<int, kRows>());
  size_t left = (g.m + kRows - 1) / kRows, number = g.prefetched;
  for (size_t i = 0; left > 0; --left, ++number) {
    const size_t rows = (g.m - i + left - 1) / left;
    tiles[rows - 1](g, i, j, columns, number);
    i += rows;
  }
}

// The columns from j on in tiles of kVectors, then of half as many, down to kLeast.
template <int kRows, int kVectors, int kLeast>
void columns_from(const GemmF32& g, size_t j) {
  constexpr size_t kColumns = kVectors * F32::kLanes;
  for (; g.n - j >= kColumns; j += kColumns) column_block<kRows, kVectors>(g, j, kColumns);
  if constexpr (kVectors > kLeast)
    columns_from<kRows, kVectors / 2, kLeast>(g, j);
  else if (j < g.n)
    column_block<kRows, kVectors>(g, j, static_cast<int>(g.n - j));
}

// One or two rows have wider tiles: as many chains as hide how long a multiply-add takes.
template <int kRows, int kVectors>
void gemm(const GemmF32& g) {
  static_assert(kFewRows == 2);
  if (g.m == 1)
    columns_from<1, 4 * kVectors, kVectors>(g, 0);
  else if (g.m == 2)
    columns_from<2, 2 * kVectors, kVectors>(g, 0);
  else
    columns_from<kRows, kVectors, kVectors>(g, 0);
}

}  // namespace
}  // namespace edgert
