// The loops of every gemm_i16 kernel, over the vector types of the including file and a function
// that adds two products to each lane.
#pragma once

#include <utility>

#include "kernels/gemm_i16/gemm_i16.h"
#include "kernels/simd/requantize.h"

namespace edgert {
namespace {

inline int32_t pair_of(const int16_t* p) {
  int32_t pair;
  __builtin_memcpy(&pair, p, sizeof pair);
  return pair;
}

// Of `count` sums, a multiple of 16: adds them to totals, which they fit into exactly.
__attribute__((noinline, noclone)) void spill(const int32_t* sums, double* totals, int count) {
  for (int first = 0; first < count; first += K2N16::kOutputs)
    for (int i = first; i < first + K2N16::kOutputs; ++i) totals[i] += static_cast<double>(sums[i]);
}

template <typename Sum>
__attribute__((noinline, noclone)) void round_all(const Sum* sums, float* rounded, int count) {
  for (int first = 0; first < count; first += K2N16::kOutputs)
    for (int i = first; i < first + K2N16::kOutputs; ++i) rounded[i] = static_cast<float>(sums[i]);
}

// What the tiles of a panel share.
struct Panel {
  static constexpr int kVectors = K2N16::kOutputs / F32::kLanes;
  const int16_t* b;
  int columns;  // that exist
  OutputVectors<kVectors> outputs;
  bool direct;  // the results go from registers to whole rows of i16

  Panel(const GemmI16& g, size_t j)
      : b(g.b + j / K2N16::kOutputs * g.b_panel_stride),
        columns(g.n - j < K2N16::kOutputs ? static_cast<int>(g.n - j) : K2N16::kOutputs),
        outputs(g.out, j, columns),
        direct(g.narrow && columns == K2N16::kOutputs && is_linear_i16(g.out)) {}
};

// One tile of kRows rows from row i on, of the panel at column j.
template <I32 (*dot)(I32, I32, I32), int kRows>
inline __attribute__((always_inline)) void tile(const GemmI16& g, size_t i, size_t j,
                                                const Panel& panel) {
  constexpr int kLanes = F32::kLanes, kVectors = Panel::kVectors;
  constexpr int kStep = K2N16::kOutputs * K2N16::kDepth, kSums = kRows * K2N16::kOutputs;
  const int16_t* b = panel.b;

  // Every loop over accumulators is unrolled, or the compiler would keep them in memory.
  I32 acc[kRows][kVectors];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v)
#pragma GCC unroll 32
    for (int r = 0; r < kRows; ++r) acc[r][v] = panel.outputs.bias[v];
  int32_t sums[kSums];
  double totals[kSums];
  const auto store = [&]() __attribute__((always_inline)) {
#pragma GCC unroll 32
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) acc[r][v].store(sums + (r * kVectors + v) * kLanes);
  };
  const auto spill_all = [&]() __attribute__((always_inline)) {
    store();
    spill(sums, totals, kSums);
#pragma GCC unroll 32
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) acc[r][v] = I32::zero();
  };
  if (!g.narrow) {
    __builtin_memset(totals, 0, sizeof totals);
    spill_all();
  }

  const size_t stride = g.a_stride;
  size_t room = g.chunk;
  for (size_t s = 0; s < g.segments; ++s) {
    // Every third row has a pointer; the two after it are reached through an index register.
    constexpr int kPointers = (kRows + 2) / 3;
    const int16_t* a[kPointers];
    for (int r = 0; r < kPointers; ++r) a[r] = g.a + (i + 3 * r) * stride + g.a_offsets[s];
    const auto step = [&](auto pair) __attribute__((always_inline)) {
      I32 w[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v)
        w[v] = I32::load(reinterpret_cast<const int32_t*>(b) + v * kLanes);
#pragma GCC unroll 32
      for (int r = 0; r < kRows; ++r) {
        const I32 x = I32::broadcast(pair(a[r / 3] + r % 3 * stride));
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) acc[r][v] = dot(acc[r][v], x, w[v]);
      }
      for (int r = 0; r < kPointers; ++r) a[r] += K2N16::kDepth;
      b += kStep;
    };
    size_t left = (g.k + 1) / K2N16::kDepth;
    while (left > 0) {
      if (room == 0) {
        spill_all();
        room = g.chunk;
      }
      const size_t steps = left < room ? left : room;
      left -= steps;
      room -= steps;
      const bool half = left == 0 && g.k % K2N16::kDepth != 0;  // the last step has one element
      for (size_t u = half ? 1 : 0; u < steps; ++u) step(pair_of);
      if (half) step([](const int16_t* p) { return int32_t{static_cast<uint16_t>(*p)}; });
    }
  }

  const size_t at = i * g.c_stride + j;
  if (panel.direct) {
    const LinearI16 end(g.out, g.c);
#pragma GCC unroll 32
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v)
        end.store(acc[r][v], panel.outputs.multiplier[v], at + r * g.c_stride + v * kLanes);
    return;
  }
  store();
  float rounded[kSums];
  if (g.narrow) {
    round_all(sums, rounded, kSums);
  } else {
    spill(sums, totals, kSums);
    round_all(totals, rounded, kSums);
  }
  finish(g.out, j, rounded, kRows, K2N16::kOutputs, panel.columns, g.c, at, g.c_stride);
}

// The rows from `begin` on, before `end`, of a panel, in tiles of kRows. All in one function: with
// few steps of the depth, to set up each tile anew takes as long as its products.
template <I32 (*dot)(I32, I32, I32), int kRows>
void tiles(const GemmI16& g, size_t begin, size_t end, size_t j, const Panel& panel) {
  for (size_t i = begin; i < end; i += kRows) tile<dot, kRows>(g, i, j, panel);
}

using TilesFn = void (*)(const GemmI16&, size_t, size_t, size_t, const Panel&);

template <I32 (*dot)(I32, I32, I32), int... kRows>
const TilesFn* tiles_of(std::integer_sequence<int, kRows...>) {
  static constexpr TilesFn of_rows[] = {tiles<dot, kRows + 1>...};
  return of_rows;
}

// Panel by panel, its rows in tiles of nearly equal height, so that there is no thin last one.
template <I32 (*dot)(I32, I32, I32), int kRows>
void gemm(const GemmI16& g) {
  if (g.m == 0) return;
  const TilesFn* const of_rows = tiles_of<dot>(std::make_integer_sequence<int, kRows>());
  const size_t count = (g.m + kRows - 1) / kRows;
  const size_t rows = g.m / count, higher = g.m % count;  // the first `higher` have a row more
  const size_t middle = higher * (rows + 1);
  for (size_t j = 0; j < g.n; j += K2N16::kOutputs) {
    const Panel panel(g, j);
    if (higher > 0) of_rows[rows](g, 0, middle, j, panel);
    of_rows[rows - 1](g, middle, g.m, j, panel);
  }
}

}  // namespace
}  // namespace edgert
