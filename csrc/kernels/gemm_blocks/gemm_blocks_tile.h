// The loops of every gemm_blocks kernel, over `Dot<bits>`:
//
//   kLess                      what its weights are less than those of b
//   Sum, start(I32), total(sum)
//                              a vector of sums
//   add(sums, p, x, stride)    adds to the sums of some rows, x and those a stride apart, the
//                              products of 16 bytes with the weights at p, CodePanel::kStep bytes
//                              before the next of those outputs
#pragma once

#include "kernels/gemm_blocks/gemm_blocks.h"
#include "kernels/simd/epilogue.h"

namespace edgert {
namespace {

inline int32_t four_of(const int8_t* p) {
  int32_t word;
  __builtin_memcpy(&word, p, sizeof word);
  return word;
}

// kRows rows from i on, the 16 columns from j on, of which `columns` exist.
template <template <int> class Dots, int kBits, int kRows, int kVectors>
void block_tile(const GemmBlocks& g, size_t i, size_t j, int columns) {
  using Dot = Dots<kBits>;
  constexpr int kLanes = F32::kLanes, kPanel = CodePanel::kOutputs;
  constexpr size_t kSteps = kBlockStep * kBits / 8 / K4N16::kDepth;  // of a panel, for kBlockStep
  constexpr size_t kVectorBytes = CodePanel::kStep / (kPanel / kLanes);
  const size_t blocks = (g.k + g.block - 1) / g.block;
  const uint8_t* p = g.b + j / kPanel * g.b_panel_stride + j % kPanel / kLanes * kVectorBytes;
  const int8_t* a = g.a + i * g.k;
  const float* a_scale = g.a_scales + i * blocks;
  const int32_t* a_sum = g.a_sums + i * blocks;
  const float* scale = g.scales + j;
  const uint8_t* zeros = g.zeros ? g.zeros + j : nullptr;
  const bool whole = columns >= kVectors * kLanes;
  const auto count = [&](int v) {
    const int left = columns - v * kLanes;
    return left < 0 ? 0 : left < kLanes ? left : kLanes;
  };
  F32 t[kVectors][kRows];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) t[v][r] = F32::zero();
  size_t left = g.k;
  for (size_t q = 0; q < blocks; ++q, ++a_scale, ++a_sum) {
    typename Dot::Sum s[kVectors][kRows];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      I32 zero = I32::broadcast(g.zero);
      if (zeros) zero = whole ? load_u8(zeros + v * kLanes) : load_u8(zeros + v * kLanes, count(v));
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r)
        s[v][r] = Dot::start((I32::broadcast(Dot::kLess) - zero) *
                             I32::broadcast(a_sum[static_cast<size_t>(r) * blocks]));
    }
    const size_t steps = (left < g.block ? left : g.block) / kBlockStep;
    left -= steps * kBlockStep;
    for (size_t u = 0; u < steps; ++u, a += kBlockStep, p += kSteps * CodePanel::kStep)
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) Dot::add(s[v], p + v * kVectorBytes, a, g.k);
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const F32 w = whole ? F32::load(scale + v * kLanes) : F32::load(scale + v * kLanes, count(v));
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r)
        t[v][r] = t[v][r] + to_f32(Dot::total(s[v][r])) *
                                (F32::broadcast(a_scale + static_cast<size_t>(r) * blocks) * w);
    }
    scale += g.stride;
    if (zeros) zeros += g.stride;
  }
  const Clamp clamp(g.activation);
  float* const c = g.c + i * g.c_stride + j;
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) {
    if (count(v) == 0) continue;
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      F32 y = t[v][r];
      if (g.bias) y = y + load_first(g.bias + j + v * kLanes, count(v));
      store_first(c + static_cast<size_t>(r) * g.c_stride + v * kLanes, count(v), clamp(y));
    }
  }
  if (!is_clamp(g.activation)) activate(g.activation, c, kRows, g.c_stride, columns);
}

// In tiles of kRows rows, and of one for the rest, of kVectors vectors of outputs, of which a panel
// has some.
template <template <int> class Dots, int kBits, int kRows, int kVectors>
void multiply_blocks(const GemmBlocks& g) {
  constexpr size_t kColumns = kVectors * F32::kLanes;
  for (size_t j = 0; j < g.n; j += kColumns) {
    const int columns = static_cast<int>(g.n - j < kColumns ? g.n - j : kColumns);
    size_t i = 0;
    for (; i + kRows <= g.m; i += kRows) block_tile<Dots, kBits, kRows, kVectors>(g, i, j, columns);
    if constexpr (kRows > 1)
      for (; i < g.m; ++i) block_tile<Dots, kBits, 1, kVectors>(g, i, j, columns);
  }
}

}  // namespace
}  // namespace edgert
