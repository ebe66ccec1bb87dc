// What the families of Winograd's F(2x2, 3x3) share. winograd_f32.h has the formula and its names.
#pragma once

#include <cstddef>

namespace edgert {

constexpr size_t kWinogradTile = 2;     // outputs of a tile along an axis
constexpr size_t kWinogradPoints = 16;  // elements of a transformed matrix

template <typename X, typename V>
struct WinogradInput {
  size_t channels;
  const X* x;  // [height][width][channels]
  size_t height, width;
  size_t pads[2];       // above, to the left
  size_t row;           // of tiles; its first pixel is 2 * row - pads[0]
  size_t first, last;   // tiles of the row
  V* v;                 // element (point p, tile t, channel c) at
  size_t point_stride;  //   v[p * point_stride + (t - first) * tile_stride + c]
  size_t tile_stride;
  X outside = {};  // what lies around the image
};

}  // namespace edgert
