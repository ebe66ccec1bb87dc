// What the vectorised dwconv_i8 kernels do before their loops.
//
// A block is the channels of one vector of bytes. Rows of the image are interleaved in groups, so
// that a lane of 32 bits has a channel's part of a column, and an output is a dot product for each
// column of the filter and group. The vector types V say how:
//
//   kChannels, kGroupRows, Row              of a block, of a group, a vector of bytes
//   Columns { Ints v[4] }                   a column of a group
//   kSums                                   vectors of sums; Columns::v[q] adds to q % kSums
//   interleave(), interleave_weights()      from the rows of a group
//   dot()                                   adds the products of two vectors to sums
//   kShifted                                interleave() makes bytes what they are above 128
//   narrow()                                from sums and multipliers to bytes
//
// Interleaving leaves the channels in an order that narrowing undoes: vector q of the sums has the
// channels 4 (kSums l + q) ... in its 128-bit part l.
#pragma once

#include "kernels/dwconv_i8/dwconv_i8.h"
#include "kernels/simd/requantize.h"

namespace edgert {
namespace {

// The channels [c, c + n) of g, at most V::kChannels.
template <class V>
struct Block {
  using Row = typename V::Row;
  using Columns = typename V::Columns;
  static constexpr int kLanes = V::kChannels / V::kSums;  // of a vector of sums

  const DwconvI8& g;
  const size_t c;
  const int n;

  Row load(const void* p) const { return n == V::kChannels ? V::load(p) : V::load(p, n); }
  void store(uint8_t* p, Row v) const { n == V::kChannels ? V::store(p, v) : V::store(p, v, n); }

  // Row y of the image, or null. (Rows above it wrap to huge ones.)
  const uint8_t* row(size_t y) const {
    return y < g.height ? g.x + y * g.width * g.pixel_stride + c : nullptr;
  }
  size_t at(size_t oy, size_t ox) const {  // the element of the output
    return (oy * g.out_width + ox) * g.pixel_stride + c;
  }

  // Values of the channels in the order of the sums, zeros above n.
  template <class T>
  void in_order(const T* values, T* to) const {
    T natural[V::kChannels] = {};
    __builtin_memcpy(natural, values + c, n * sizeof(T));
    for (int q = 0; q < V::kSums; ++q)
      for (int l = 0; l < kLanes; l += 4)
        __builtin_memcpy(to + q * kLanes + l, natural + V::kSums * l + 4 * q, 4 * sizeof(T));
  }

  // What the sums start from, in their order.
  void start(int32_t* to) const {
    in_order(g.out.bias, to);
    if constexpr (V::kShifted) {
      int32_t sums[V::kChannels] = {}, shift[V::kChannels];
      for (size_t t = 0; t < g.kernel[0] * g.kernel[1]; ++t)
        for (int i = 0; i < n; ++i) sums[i] += 128 * g.w[t * g.w_stride + c + i];
      Block{g, 0, n}.in_order(sums, shift);
      for (int i = 0; i < V::kChannels; ++i)
        to[i] =
            static_cast<int32_t>(static_cast<uint32_t>(to[i]) + static_cast<uint32_t>(shift[i]));
    }
  }

  // Column j of the filter for a group whose first row is row i of the filter. (Huge is above it.)
  Columns weights(size_t i, size_t j) const {
    Row rows[V::kGroupRows];
    for (int b = 0; b < V::kGroupRows; ++b)
      rows[b] = i + b < g.kernel[0] ? load(g.w + ((i + b) * g.kernel[1] + j) * g.w_stride + c)
                                    : V::fill(0);
    return V::interleave_weights(rows);
  }
};

// Calls run() for the rows of g in parts whose input stays in the L2 cache, since each block reads
// it once.
inline void for_bands(const DwconvI8& g, void (*run)(const DwconvI8&)) {
  constexpr size_t kBytes = 256 << 10;
  const size_t rows = kBytes / (g.strides[0] * g.width * g.pixel_stride) + 1;
  DwconvI8 band = g;
  for (size_t oy = g.row_begin; oy < g.row_end; oy = band.row_end) {
    band.row_begin = oy;
    band.row_end = g.row_end - oy < rows ? g.row_end : oy + rows;
    run(band);
  }
}

// Calls run(Block) for the channels from c on: for whole blocks and, if `least` or more channels
// are left, for a last one.
template <class V, class Run>
void for_blocks(const DwconvI8& g, size_t least, size_t& c, Run run) {
  while (c < g.channels && g.channels - c >= least) {
    const size_t left = g.channels - c;
    const size_t n = left < V::kChannels ? left : V::kChannels;
    run(Block<V>{g, c, static_cast<int>(n)});
    c += n;
  }
}

}  // namespace
}  // namespace edgert
