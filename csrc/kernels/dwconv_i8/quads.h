// Interleaved rows for instruction sets with dot products of four bytes. Included after
// kernels/simd/<level>.h.
#pragma once

namespace edgert {
namespace {

// Groups of four rows as bytes.
template <class Bytes>
struct Quads : Bytes {
  static constexpr bool kRolls = true;
  static constexpr int kGroupRows = 4;
  using Ints = typename Bytes::Ints;
  struct Columns {  // a group of rows
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
  static Ints dot(Ints sum, Ints x, Ints w) { return dot_bytes(sum, x, w); }
};

}  // namespace
}  // namespace edgert
