// The loops of every winograd_f32 kernel, over the vector type F32 of the including file.
#pragma once

#include "kernels/simd/epilogue.h"
#include "kernels/simd/winograd.h"
#include "kernels/winograd_f32/winograd_f32.h"

namespace edgert {
namespace {

inline void weights(const WinogradWeightsF32& g) {
  const F32 half = F32::broadcast(0.5f);
  for (size_t e = 0; e < g.length; e += F32::kLanes) {
    const auto w = [&](int i, int j) { return F32::load(g.w + (3 * i + j) * g.length + e); };
    // Row i of G g, of which the columns are combined in the same way.
    const auto row = [&](int i, auto t) {
      const F32 t0 = t(0), t1 = t(1), t2 = t(2), ends = t0 + t2;
      float* const to = g.u + 4 * i * g.length + e;
      t0.store(to);
      ((ends + t1) * half).store(to + g.length);
      ((ends - t1) * half).store(to + 2 * g.length);
      t2.store(to + 3 * g.length);
    };
    row(0, [&](int j) { return w(0, j); });
    row(1, [&](int j) { return (w(0, j) + w(2, j) + w(1, j)) * half; });
    row(2, [&](int j) { return (w(0, j) + w(2, j) - w(1, j)) * half; });
    row(3, [&](int j) { return w(2, j); });
  }
}

inline void input(const WinogradInputF32& g) { input_tiles<F32>(g); }

// One tile, of whose 2x2 outputs the first `rows` and `columns` exist.
inline void output_tile(const WinogradOutputF32& g, const Clamp& clamp, const float* m, size_t at,
                        size_t rows, size_t columns) {
  for_vectors<F32>(g.channels, [&](size_t c, auto load, auto store) {
    F32 y[2][2];
    transform_output([&](int p) { return load(m + p * g.point_stride + c); }, y);
    const F32 bias = g.bias ? load(g.bias + c) : F32::zero();
#pragma GCC unroll 2
    for (size_t i = 0; i < 2; ++i)
#pragma GCC unroll 2
      for (size_t j = 0; j < 2; ++j) {
        if (i >= rows || j >= columns) continue;
        const size_t o = at + (i * g.width + j) * g.pixel_stride + c;
        const F32 init = g.residual ? bias + load(g.residual + o) : bias;
        store(g.y + o, clamp(y[i][j] + init));
      }
  });
}

inline void output(const WinogradOutputF32& g) {
  const Clamp clamp(g.activation);
  const size_t y0 = kWinogradTile * g.row;
  const size_t rows = g.height - y0 < kWinogradTile ? g.height - y0 : kWinogradTile;
  const float* m = g.m;
  for (size_t t = g.first; t < g.last; ++t, m += g.tile_stride) {
    const size_t x0 = kWinogradTile * t;
    const size_t columns = g.width - x0 < kWinogradTile ? g.width - x0 : kWinogradTile;
    const size_t at = (y0 * g.width + x0) * g.pixel_stride;
    output_tile(g, clamp, m, at, rows, columns);
    if (is_clamp(g.activation)) continue;
    for (size_t i = 0; i < rows; ++i)
      activate(g.activation, g.y + at + i * g.width * g.pixel_stride, columns, g.pixel_stride,
               g.channels);
  }
}

}  // namespace
}  // namespace edgert
