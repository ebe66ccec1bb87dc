// The loops of every winograd_f32 kernel, over the vector type F32 of the including file.
#pragma once

#include "kernels/simd/epilogue.h"
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

// body(c, load, store) on vectors of `channels` channels; the last may be partly filled.
template <typename Body>
void for_vectors(size_t channels, const Body& body) {
  size_t c = 0;
  for (; c + F32::kLanes <= channels; c += F32::kLanes)
    body(c, [](const float* p) { return F32::load(p); }, [](float* p, F32 x) { x.store(p); });
  if (const int n = static_cast<int>(channels - c); n > 0)
    body(
        c, [n](const float* p) { return F32::load(p, n); },
        [n](float* p, F32 x) { x.store(p, n); });
}

// One tile whose first pixel is (y0, x0). kInside: all of its pixels lie in the image.
template <bool kInside>
void input_tile(const WinogradInputF32& g, ptrdiff_t y0, ptrdiff_t x0, float* v) {
  const ptrdiff_t pixel = static_cast<ptrdiff_t>(g.channels);
  const ptrdiff_t line = static_cast<ptrdiff_t>(g.width) * pixel;
  const ptrdiff_t height = static_cast<ptrdiff_t>(g.height);
  const ptrdiff_t width = static_cast<ptrdiff_t>(g.width);
  bool outside[4][4] = {};
  if constexpr (!kInside)
    for (int i = 0; i < 4; ++i)
      for (int j = 0; j < 4; ++j)
        outside[i][j] = y0 + i < 0 || y0 + i >= height || x0 + j < 0 || x0 + j >= width;
  const ptrdiff_t corner = y0 * line + x0 * pixel;

  for_vectors(g.channels, [&](size_t c, auto load, auto store) {
    const ptrdiff_t at = corner + static_cast<ptrdiff_t>(c);
    const auto d = [&](int i, int j) {
      return !kInside && outside[i][j] ? F32::zero() : load(g.x + (at + i * line + j * pixel));
    };
    // Row i of B^T d, of which the columns are combined in the same way.
    const auto row = [&](int i, auto t) {
      const F32 t0 = t(0), t1 = t(1), t2 = t(2), t3 = t(3);
      float* const to = v + 4 * i * g.point_stride + c;
      store(to, t0 - t2);
      store(to + g.point_stride, t1 + t2);
      store(to + 2 * g.point_stride, t2 - t1);
      store(to + 3 * g.point_stride, t1 - t3);
    };
    row(0, [&](int j) { return d(0, j) - d(2, j); });
    row(1, [&](int j) { return d(1, j) + d(2, j); });
    row(2, [&](int j) { return d(2, j) - d(1, j); });
    row(3, [&](int j) { return d(1, j) - d(3, j); });
  });
}

inline void input(const WinogradInputF32& g) {
  const ptrdiff_t y0 =
      static_cast<ptrdiff_t>(kWinogradTile * g.row) - static_cast<ptrdiff_t>(g.pads[0]);
  float* v = g.v;
  for (size_t t = g.first; t < g.last; ++t, v += g.tile_stride) {
    const ptrdiff_t x0 =
        static_cast<ptrdiff_t>(kWinogradTile * t) - static_cast<ptrdiff_t>(g.pads[1]);
    if (y0 >= 0 && y0 + 4 <= static_cast<ptrdiff_t>(g.height) && x0 >= 0 &&
        x0 + 4 <= static_cast<ptrdiff_t>(g.width))
      input_tile<true>(g, y0, x0, v);
    else
      input_tile<false>(g, y0, x0, v);
  }
}

// One tile, of whose 2x2 outputs the first `rows` and `columns` exist.
inline void output_tile(const WinogradOutputF32& g, const Clamp& clamp, const float* m, size_t at,
                        size_t rows, size_t columns) {
  for_vectors(g.channels, [&](size_t c, auto load, auto store) {
    F32 y[2][2];
    const auto row = [&](int i, auto combine) {  // of m A, which A^T combines
      const float* const from = m + 4 * i * g.point_stride + c;
      const F32 m0 = load(from), m1 = load(from + g.point_stride);
      const F32 m2 = load(from + 2 * g.point_stride), m3 = load(from + 3 * g.point_stride);
      combine(0, m0 + m1 + m2);
      combine(1, m1 - m2 - m3);
    };
    row(0, [&](int j, F32 s) { y[0][j] = s; });
    row(1, [&](int j, F32 s) { y[0][j] = y[0][j] + s, y[1][j] = s; });
    row(2, [&](int j, F32 s) { y[0][j] = y[0][j] + s, y[1][j] = y[1][j] - s; });
    row(3, [&](int j, F32 s) { y[1][j] = y[1][j] - s; });
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
