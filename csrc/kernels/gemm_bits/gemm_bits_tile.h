// The loops of every gemm_bits kernel, over the vector types of the including file and over `Bits`,
// which says how bits that differ are counted:
//
//   kPanels                     panels whose outputs a vector has
//   load(panels, at)            Weights: byte `at` of the depth of their outputs
//   broadcast(byte)             Input: a byte of a row
//   Counts::zero()              a count of a byte for each output
//   add(counts, input, weights) adds the bits that differ, at most 8 to each
//   widen(counts, sums)         adds them to integers of 16 bits, output after output
//   less(s, thresholds)         the bits of a panel's outputs
#pragma once

#include <utility>

#include "kernels/gemm_bits/gemm_bits.h"
#include "kernels/simd/epilogue.h"

namespace edgert {
namespace {

constexpr size_t kCounted = 255 / 8;  // bytes of the depth whose counts fit into a byte

// Columns of a tile, of which `columns` exist, 1 or more.
template <typename Bits, int kVectors>
struct BitColumns {
  static constexpr int kOutputs = K1N16::kOutputs;
  static constexpr int kCount = kVectors * Bits::kPanels * kOutputs;
  const uint8_t* panels[kVectors * Bits::kPanels];  // the last that exists in place of others
  int16_t thresholds[kCount];  // what is not below them where there is no column
  int columns;

  BitColumns(const GemmBits& g, size_t j, int columns) : columns(columns) {
    const uint8_t* panel = g.b + j / kOutputs * g.b_panel_stride;
    for (int p = 0; p < kVectors * Bits::kPanels; ++p) {
      panels[p] = panel;
      if ((p + 1) * kOutputs < columns) panel += g.b_panel_stride;
    }
    for (int16_t& threshold : thresholds) threshold = INT16_MIN;
    if (g.thresholds)
      __builtin_memcpy(thresholds, g.thresholds + j,
                       static_cast<size_t>(columns) * sizeof(int16_t));
  }
};

// Floats of sums, `rows` rows of `stride`, from row i, column j on.
__attribute__((noinline)) inline void finish_floats(const GemmBits& g, size_t i, size_t j,
                                                    const int16_t* sums, int rows, int stride,
                                                    int columns) {
  const Clamp clamp(g.activation);
  const size_t at = i * g.c_stride + j;
  float* const c = static_cast<float*>(g.c) + at;
  for (int v = 0; v < columns; v += F32::kLanes) {
    const int n = columns - v < F32::kLanes ? columns - v : F32::kLanes;
    const F32 multiplier = load_first(g.multiplier + j + v, n);
    const F32 bias = g.bias ? load_first(g.bias + j + v, n) : F32::zero();
    for (int r = 0; r < rows; ++r) {
      F32 t = to_f32(load_i16(sums + r * stride + v)) * multiplier + bias;
      if (g.residual) t = t + load_first(g.residual + at + r * g.c_stride + v, n);
      store_first(c + r * g.c_stride + v, n, clamp(t));
    }
  }
  if (!is_clamp(g.activation)) activate(g.activation, c, rows, g.c_stride, columns);
}

// kRows rows from row i on by some columns.
template <typename Bits, int kVectors, int kRows>
void bits_tile(const GemmBits& g, size_t i, size_t j, const BitColumns<Bits, kVectors>& block) {
  constexpr int kCount = BitColumns<Bits, kVectors>::kCount, kOutputs = K1N16::kOutputs;
  constexpr int kPanels = Bits::kPanels;
  uint16_t differ[kRows][kCount] = {};
  typename Bits::Counts counts[kRows][kVectors];
  const auto reset = [&] {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) counts[r][v] = Bits::zero();
  };
  const auto widen = [&] {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v)
        Bits::widen(counts[r][v], differ[r] + v * kPanels * kOutputs);
    reset();
  };
  reset();
  size_t place = 0, room = kCounted;
  for (size_t s = 0; s < g.segments; ++s) {
    const uint8_t* a = g.a + i * g.a_stride + g.a_offsets[s];
    for (size_t left = g.k; left > 0;) {
      const size_t count = left < room ? left : room;
      for (size_t p = 0; p < count; ++p, ++a, place += kOutputs) {
        typename Bits::Weights w[kVectors];
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) w[v] = Bits::load(block.panels + v * kPanels, place);
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) {
          const typename Bits::Input x = Bits::broadcast(a[r * g.a_stride]);
#pragma GCC unroll 4
          for (int v = 0; v < kVectors; ++v) counts[r][v] = Bits::add(counts[r][v], x, w[v]);
        }
      }
      left -= count;
      room -= count;
      if (room > 0) continue;
      widen();
      room = kCounted;
    }
  }
  widen();

  int16_t sums[kRows][kCount];
  const int whole = (block.columns + kOutputs - 1) / kOutputs * kOutputs;
  for (int r = 0; r < kRows; ++r) {
    const int16_t* const start = g.starts + (g.start_places ? g.start_places[i + r] : 0) + j;
    for (int c = 0; c < whole; c += kOutputs)
      for (int o = c; o < c + kOutputs; ++o)
        sums[r][o] = static_cast<int16_t>(start[o] - 2 * differ[r][o]);
  }
  if (g.thresholds == nullptr) return finish_floats(g, i, j, sums[0], kRows, kCount, block.columns);
  uint8_t* c = static_cast<uint8_t*>(g.c) + i * g.c_stride + j / 8;
  const size_t bytes = static_cast<size_t>(block.columns + 7) / 8;
  for (int r = 0; r < kRows; ++r, c += g.c_stride) {
    uint8_t bits[kCount / 8];
    for (int o = 0; o < whole; o += kOutputs) {
      const uint32_t word = Bits::less(sums[r] + o, block.thresholds + o);
      bits[o / 8] = static_cast<uint8_t>(word);
      bits[o / 8 + 1] = static_cast<uint8_t>(word >> 8);
    }
    __builtin_memcpy(c, bits, bytes);
  }
}

template <typename Bits, int kVectors, int... kRows>
void bits_rows(const GemmBits& g, size_t j, int columns, std::integer_sequence<int, kRows...>) {
  constexpr void (*of_rows[])(
      const GemmBits&, size_t, size_t,
      const BitColumns<Bits, kVectors>&) = {bits_tile<Bits, kVectors, kRows + 1>...};
  const BitColumns<Bits, kVectors> block(g, j, columns);
  // Tiles of nearly equal height, so that there is no thin last one.
  const size_t count = (g.m + sizeof...(kRows) - 1) / sizeof...(kRows);
  for (size_t t = 0, i = 0; t < count; ++t) {
    const size_t rows = (g.m - i) / (count - t);
    of_rows[rows - 1](g, i, j, block);
    i += rows;
  }
}

// Columns that fewer vectors hold are a tile of that width.
template <typename Bits, int kVectors, int kRows>
void bits_columns(const GemmBits& g, size_t j, int columns) {
  constexpr int kHalf = kVectors / 2 * Bits::kPanels * K1N16::kOutputs;
  if constexpr (kVectors > 1)
    if (columns <= kHalf) return bits_columns<Bits, kVectors / 2, kRows>(g, j, columns);
  bits_rows<Bits, kVectors>(g, j, columns, std::make_integer_sequence<int, kRows>());
}

template <typename Bits, int kVectors, int kRows>
void gemm_bits(const GemmBits& g) {
  constexpr size_t kColumns = kVectors * Bits::kPanels * K1N16::kOutputs;
  for (size_t j = 0; j < g.n; j += kColumns)
    bits_columns<Bits, kVectors, kRows>(g, j,
                                        static_cast<int>(g.n - j < kColumns ? g.n - j : kColumns));
}

}  // namespace
}  // namespace edgert
