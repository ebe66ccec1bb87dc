// The loops of the gemm_i8 kernels of weights that are codes, over
//
//   Codes<bits>        constructed from the table; steps(p, w) looks up the weights of the outputs
//                      of a vector, a vector for each of its 8 / bits steps of K4N16
//   Dot                as in gemm_i8_steps.h, with the add() of two steps: total(sum), start(bias)
//   kShifted           whether it takes bytes of a as what they are above 128
//
// For few rows: each step is looked up for all rows of a tile.
#pragma once

#include "kernels/gemm_i8/gemm_i8_tile.h"

namespace edgert {
namespace {

// kRows x 16 elements at row i, column j.
template <template <int> class Codes, int kBits, typename Dot, bool kShifted, int kRows>
void code_tile(const GemmI8& g, size_t i, size_t j, int columns) {
  constexpr int kVectors = CodePanel::kOutputs / F32::kLanes, kSteps = 8 / kBits;
  constexpr size_t kDepth = CodePanel::depth(kBits);
  constexpr uint32_t kNothing = kShifted ? 0x80808080 : 0;  // bytes that add nothing
  const ColumnBlock<kVectors> block(g, j, columns, kShifted);
  typename Dot::Sum acc[kRows][kVectors];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v)
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) acc[r][v] = Dot::start(block.bias[v]);
  const Codes<kBits> codes(g.table);
  const auto* p =
      reinterpret_cast<const uint8_t*>(g.b) + j / CodePanel::kOutputs * g.b_panel_stride;
  const uint8_t* a = g.a + g.a_offsets[0] + i * g.a_stride;
  const auto step = [&](auto word) {  // word(r, s): four bytes of a row
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      typename Dot::Weights w[kSteps];
      codes.steps(p + v * (CodePanel::kStep / kVectors), w);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 2
        for (int s = 0; s < kSteps; s += 2)
          acc[r][v] = Dot::add(acc[r][v], Dot::broadcast(word(r, s)), w[s],
                               Dot::broadcast(word(r, s + 1)), w[s + 1]);
    }
    p += CodePanel::kStep;
  };
  size_t left = g.k;
  for (; left >= kDepth; left -= kDepth, a += kDepth)
    step([&](int r, int s) { return word_of(a + r * g.a_stride + s * K4N16::kDepth); });
  if (left > 0) {
    int32_t words[kRows][kSteps];
    for (int r = 0; r < kRows; ++r) {
      for (int32_t& w : words[r]) w = static_cast<int32_t>(kNothing);
      __builtin_memcpy(words[r], a + r * g.a_stride, left);
    }
    step([&](int r, int s) { return words[r][s]; });
  }
  int32_t sums[kRows * CodePanel::kOutputs];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v)
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r)
      Dot::total(acc[r][v]).store(sums + r * CodePanel::kOutputs + v * F32::kLanes);
  finish_sums(g, i, j, sums, kRows, CodePanel::kOutputs, columns);
}

// In tiles of kRows, and of one row for the rest.
template <template <int> class Codes, int kBits, typename Dot, bool kShifted, int kRows>
void multiply_codes(const GemmI8& g) {
  for (size_t j = 0; j < g.n; j += CodePanel::kOutputs) {
    const size_t left = g.n - j;
    const int columns = static_cast<int>(left < CodePanel::kOutputs ? left : CodePanel::kOutputs);
    size_t i = 0;
    for (; i + kRows <= g.m; i += kRows)
      code_tile<Codes, kBits, Dot, kShifted, kRows>(g, i, j, columns);
    if constexpr (kRows > 2) {
      if (i + 2 <= g.m) {
        code_tile<Codes, kBits, Dot, kShifted, 2>(g, i, j, columns);
        i += 2;
      }
    }
    if constexpr (kRows > 1)
      if (i < g.m) code_tile<Codes, kBits, Dot, kShifted, 1>(g, i, j, columns);
  }
}

}  // namespace
}  // namespace edgert
