// The transforms of winograd_f32.h over vectors of channels. Local to the file that includes it.
#pragma once

#include "kernels/records/winograd.h"

namespace edgert {
namespace {

// body(c, load, store) on vectors of `channels` channels; the last may be partly filled.
template <typename V, typename Body>
void for_vectors(size_t channels, const Body& body) {
  size_t c = 0;
  for (; c + V::kLanes <= channels; c += V::kLanes)
    body(c, [](const auto* p) { return V::load(p); }, [](auto* p, V x) { x.store(p); });
  if (const int n = static_cast<int>(channels - c); n > 0)
    body(c, [n](const auto* p) { return V::load(p, n); }, [n](auto* p, V x) { x.store(p, n); });
}

// put(p, v) for the points of v = B^T d B.
template <typename D, typename Put>
void transform_input(const D& d, const Put& put) {
  // Row i of B^T d, of which the columns are combined in the same way.
  const auto row = [&](int i, auto t) {
    const auto t0 = t(0), t1 = t(1), t2 = t(2), t3 = t(3);
    put(4 * i, t0 - t2);
    put(4 * i + 1, t1 + t2);
    put(4 * i + 2, t2 - t1);
    put(4 * i + 3, t1 - t3);
  };
  row(0, [&](int j) { return d(0, j) - d(2, j); });
  row(1, [&](int j) { return d(1, j) + d(2, j); });
  row(2, [&](int j) { return d(2, j) - d(1, j); });
  row(3, [&](int j) { return d(1, j) - d(3, j); });
}

// y = A^T m A
template <typename V, typename M>
void transform_output(const M& m, V (&y)[2][2]) {
  const auto row = [&](int i, auto combine) {  // of m A, which A^T combines
    const V m0 = m(4 * i), m1 = m(4 * i + 1), m2 = m(4 * i + 2), m3 = m(4 * i + 3);
    combine(0, m0 + m1 + m2);
    combine(1, m1 - m2 - m3);
  };
  row(0, [&](int j, V s) { y[0][j] = s; });
  row(1, [&](int j, V s) { y[0][j] = y[0][j] + s, y[1][j] = s; });
  row(2, [&](int j, V s) { y[0][j] = y[0][j] + s, y[1][j] = y[1][j] - s; });
  row(3, [&](int j, V s) { y[1][j] = y[1][j] - s; });
}

// One tile whose first pixel is (y0, x0). kInside: all of its pixels lie in the image.
template <typename V, bool kInside, typename Input, typename T>
void input_tile(const Input& g, ptrdiff_t y0, ptrdiff_t x0, T* v) {
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
  const V pad = V::broadcast(g.outside);

  for_vectors<V>(g.channels, [&](size_t c, auto load, auto store) {
    const ptrdiff_t at = corner + static_cast<ptrdiff_t>(c);
    transform_input(
        [&](int i, int j) {
          return !kInside && outside[i][j] ? pad : load(g.x + (at + i * line + j * pixel));
        },
        [&](int p, V x) { store(v + p * g.point_stride + c, x); });
  });
}

// The tiles of a WinogradInput.
template <typename V, typename Input>
void input_tiles(const Input& g) {
  const ptrdiff_t y0 =
      static_cast<ptrdiff_t>(kWinogradTile * g.row) - static_cast<ptrdiff_t>(g.pads[0]);
  auto* v = g.v;
  for (size_t t = g.first; t < g.last; ++t, v += g.tile_stride) {
    const ptrdiff_t x0 =
        static_cast<ptrdiff_t>(kWinogradTile * t) - static_cast<ptrdiff_t>(g.pads[1]);
    if (y0 >= 0 && y0 + 4 <= static_cast<ptrdiff_t>(g.height) && x0 >= 0 &&
        x0 + 4 <= static_cast<ptrdiff_t>(g.width))
      input_tile<V, true>(g, y0, x0, v);
    else
      input_tile<V, false>(g, y0, x0, v);
  }
}

}  // namespace
}  // namespace edgert
