// The steps of the winograd_i8 kernels that are the same on all levels, over vectors I16 of 16-bit
// integers with load(), +, - and broadcast(). Included after the vector types.
#pragma once

#include "kernels/simd/requantize.h"
#include "kernels/simd/winograd.h"
#include "kernels/winograd_i8/winograd_i8.h"

namespace edgert {
namespace {

// u of a vector of weights; `w` is [3][3] of them, `stride` bytes apart.
template <typename I16>
void transform_filter(const int8_t* w, size_t stride, I16 (&u)[kWinogradPoints]) {
  I16 g[4][3];  // 2 G g
  for (int j = 0; j < 3; ++j) {
    const I16 top = I16::load(w + j * stride), middle = I16::load(w + (3 + j) * stride);
    const I16 bottom = I16::load(w + (6 + j) * stride), ends = top + bottom;
    g[0][j] = top + top;
    g[1][j] = ends + middle;
    g[2][j] = ends - middle;
    g[3][j] = bottom + bottom;
  }
  for (int i = 0; i < 4; ++i) {
    const I16 ends = g[i][0] + g[i][2];
    u[4 * i] = g[i][0] + g[i][0];
    u[4 * i + 1] = ends + g[i][1];
    u[4 * i + 2] = ends - g[i][1];
    u[4 * i + 3] = g[i][2] + g[i][2];
  }
}

// How the products of so many tiles from tile i on are computed, that are product_rows<tiles>.
using ProductRows = void (*)(const WinogradProductsI8&, size_t, const int16_t*);

// In groups of tiles of nearly equal size, so that there is no thin last one.
template <size_t kRows>
void in_groups(const WinogradProductsI8& g, const ProductRows (&of_rows)[kRows]) {
  const size_t half = g.blocks * kWinogradOutputs * 2;  // of the weights that follow
  const int16_t* next = g.prefetch;
  size_t left = (g.tiles + kRows - 1) / kRows;
  for (size_t i = 0, group = 0; left > 0; --left, ++group) {
    const size_t rows = (g.tiles - i + left - 1) / left;
    const bool fetch = next != nullptr && group < 2;
    of_rows[rows - 1](g, i, fetch ? next + group * half : g.u);
    i += rows;
  }
}

inline void output(const WinogradOutputI8& g) {
  constexpr size_t kTiles = 8;  // at a time
  const int n = static_cast<int>(g.channels);
  const size_t y0 = kWinogradTile * g.row;
  const OutputVectors<kWinogradOutputs / F32::kLanes> outputs(g.out, 0, n);
  for (size_t first = g.first; first < g.last; first += kTiles) {
    const size_t tiles = g.last - first < kTiles ? g.last - first : kTiles;
    int32_t sums[kWinogradTile][kWinogradTile * kTiles * kWinogradOutputs];
    const int32_t* m = g.m + (first - g.first) * kWinogradOutputs;
    for (size_t e = 0; e < tiles * kWinogradOutputs; e += F32::kLanes) {
      I32 y[2][2];
      transform_output([&](int p) { return I32::load(m + p * g.point_stride + e); }, y);
      const size_t tile = e / kWinogradOutputs, c = e % kWinogradOutputs;
      for (size_t i : {0, 1})
        for (size_t j : {0, 1})
          (shift_right<2>(y[i][j]) + outputs.bias[c / F32::kLanes])
              .store(sums[i] + (kWinogradTile * tile + j) * kWinogradOutputs + c);
    }
    const size_t x0 = kWinogradTile * first;
    const size_t pixels =
        g.width - x0 < kWinogradTile * tiles ? g.width - x0 : kWinogradTile * tiles;
    for (size_t i = 0; i < kWinogradTile && y0 + i < g.height; ++i)
      finish(g.out, 0, sums[i], static_cast<int>(pixels), kWinogradOutputs, n, g.y,
             ((y0 + i) * g.width + x0) * g.pixel_stride, g.pixel_stride);
  }
}

}  // namespace
}  // namespace edgert
