// Filters of 3 x 3 whose columns lie side by side, at stride 1 or 2 along a row: the three columns
// that an output sees stay in registers. Only for plain outputs that are known to be small.
#pragma once

#include "kernels/dwconv_i8/dwconv_i8_block.h"

namespace edgert {
namespace {

inline bool can_roll(const DwconvI8& g) {
  return is_plain(g.out) && g.kernel[0] == 3 && g.kernel[1] == 3 && g.dilations[1] == 1 &&
         g.strides[1] <= 2;
}

// A row of outputs. kWhole: the block has all its channels.
template <int kStride, bool kWhole, class V>
void roll_row(const Block<V>& block, size_t oy, const int32_t* bias, const float* multipliers,
              const typename V::Columns* weights) {
  using Row = typename V::Row;
  using Columns = typename V::Columns;
  constexpr int kLanes = Block<V>::kLanes;
  const DwconvI8& g = block.g;
  const int n = block.n;
  const size_t pixel = g.pixel_stride, width = g.width;
  const Row outside = V::fill(g.x_zero);
  uint8_t outside_pixel[V::kChannels];
  V::store(outside_pixel, outside);
  // Of the next column, which is huge left of the image: where its rows lie. (Formed, not read,
  // outside of the image.)
  size_t x = -g.pads[1];
  const uint8_t* in[3];
  size_t step[3];
  for (int b = 0; b < 3; ++b) {
    const uint8_t* const row = block.row(oy * g.strides[0] + b * g.dilations[0] - g.pads[0]);
    step[b] = row == nullptr ? 0 : pixel;
    in[b] = row == nullptr ? outside_pixel : row - g.pads[1] * pixel;
  }
  const auto next = [&]() __attribute__((always_inline)) {
    Row rows[4] = {outside, outside, outside, outside};
    if (__builtin_expect(x < width, 1)) {
#pragma GCC unroll 3
      for (int b = 0; b < 3; ++b) rows[b] = kWhole ? V::load(in[b]) : V::load(in[b], n);
      rows[3] = rows[2];  // its weights are zero
    }
#pragma GCC unroll 3
    for (int b = 0; b < 3; ++b) in[b] += step[b];
    ++x;
    return V::interleave(rows);
  };

  const Columns w[3] = {weights[0], weights[1], weights[2]};
  const typename V::Narrow narrow(g.out.output);
  uint8_t* y = static_cast<uint8_t*>(g.y) + block.at(oy, 0);
  const auto output = [&](const Columns& left, const Columns& middle, const Columns& right)
                          __attribute__((always_inline)) {
                            typename V::Ints sums[V::kSums];
#pragma GCC unroll 4
                            for (int s = 0; s < V::kSums; ++s) {
                              sums[s] = V::load_ints(bias + s * kLanes);
#pragma GCC unroll 4
                              for (int q = s; q < 4; q += V::kSums) {
                                sums[s] = V::dot(sums[s], left.v[q], w[0].v[q]);
                                sums[s] = V::dot(sums[s], middle.v[q], w[1].v[q]);
                                sums[s] = V::dot(sums[s], right.v[q], w[2].v[q]);
                              }
                            }
                            const Row bytes = narrow(sums, multipliers);
                            kWhole ? V::store(y, bytes) : V::store(y, bytes, n);
                            y += pixel;
                          };

  size_t left = g.out_width;
  if constexpr (kStride == 1) {
    Columns a = next(), b = next(), c;
    for (; left >= 3; left -= 3) {
      c = next();
      output(a, b, c);
      a = next();
      output(b, c, a);
      b = next();
      output(c, a, b);
    }
    if (left == 0) return;
    c = next();
    output(a, b, c);
    if (left == 2) output(b, c, next());
  } else {
    Columns a = next(), b, c;
    for (; left >= 2; left -= 2) {
      b = next();
      c = next();
      output(a, b, c);
      b = next();
      a = next();
      output(c, b, a);
    }
    if (left == 0) return;
    b = next();
    output(a, b, next());
  }
}

template <class V>
void roll(const Block<V>& block) {
  int32_t bias[V::kChannels];
  float multipliers[V::kChannels];
  block.start(bias);
  block.in_order(block.g.out.multiplier, multipliers);
  const typename V::Columns w[3] = {block.weights(0, 0), block.weights(0, 1), block.weights(0, 2)};
  const bool whole = block.n == V::kChannels;
  const auto row = block.g.strides[1] == 1 ? (whole ? roll_row<1, true, V> : roll_row<1, false, V>)
                                           : (whole ? roll_row<2, true, V> : roll_row<2, false, V>);
  for (size_t oy = block.g.row_begin; oy < block.g.row_end; ++oy)
    row(block, oy, bias, multipliers, w);
}

}  // namespace
}  // namespace edgert
