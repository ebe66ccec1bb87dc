// Groups of four rows as bytes, for instruction sets with dot products of four bytes. Included
// after kernels/simd/<level>.h.
#pragma once

#include "kernels/dwconv_i8/dwconv_i8_roll.h"
#include "kernels/dwconv_i8/dwconv_i8_strip.h"

namespace edgert {
namespace {

template <class Bytes>
struct Quads : Bytes {
  static constexpr int kGroupRows = 4, kSums = 4;
  using Ints = typename Bytes::Row;
  struct Columns {
    Ints v[4];
  };
  static Columns interleave(const Ints* rows) {
    const Ints low01 = Bytes::unpack_low8(rows[0], rows[1]);
    const Ints high01 = Bytes::unpack_high8(rows[0], rows[1]);
    const Ints low23 = Bytes::unpack_low8(rows[2], rows[3]);
    const Ints high23 = Bytes::unpack_high8(rows[2], rows[3]);
    return {{Bytes::unpack_low16(low01, low23), Bytes::unpack_high16(low01, low23),
             Bytes::unpack_low16(high01, high23), Bytes::unpack_high16(high01, high23)}};
  }
  static Columns interleave_weights(const Ints* rows) { return interleave(rows); }
  static Ints load_sums(const int32_t* p) { return Bytes::load(p); }
  static Ints dot(Ints sum, Ints x, Ints w) { return dot_bytes(sum, x, w); }
};

template <class Bytes>
void quad_blocks(const DwconvI8& g, size_t least, size_t& c) {
  for_blocks<Quads<Bytes>>(g, least, c, [](const Block<Quads<Bytes>>& block) {
    can_roll(block.g) ? roll(block) : Strips<Quads<Bytes>>(block).run();
  });
}

}  // namespace
}  // namespace edgert
