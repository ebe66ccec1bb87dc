#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx2.h"

#include "kernels/dwconv_i8/bytes_avx2.h"
#include "kernels/dwconv_i8/dwconv_i8_block.h"

namespace edgert {
namespace {

// Groups of two rows in 16 bits.
template <class Bytes>
struct Pairs : Bytes {
  static constexpr bool kRolls = false;
  static constexpr int kGroupRows = 2;
  using Ints = typename Bytes::Ints;
  struct Columns {  // a group of rows
    Ints v[4];
  };
  static Columns interleave(const Ints* rows) {
    const Ints zero = Bytes::fill(0);
    return widen(rows, zero, zero);
  }
  static Columns interleave_weights(const Ints* rows) {
    return widen(rows, Bytes::signs8(Bytes::unpack_low8(rows[0], rows[1])),
                 Bytes::signs8(Bytes::unpack_high8(rows[0], rows[1])));
  }
  static Ints dot(Ints sum, Ints x, Ints w) { return Bytes::add_pairs(sum, x, w); }

 private:
  static Columns widen(const Ints* rows, Ints above_low, Ints above_high) {
    const Ints low = Bytes::unpack_low8(rows[0], rows[1]);
    const Ints high = Bytes::unpack_high8(rows[0], rows[1]);
    return {{Bytes::unpack_low8(low, above_low), Bytes::unpack_high8(low, above_low),
             Bytes::unpack_low8(high, above_high), Bytes::unpack_high8(high, above_high)}};
  }
};

}  // namespace

void dwconv_i8_avx2(const DwconvI8& g) {
  size_t c = 0;
  blocks<Pairs<Bytes32>>(g, 17, c);
  blocks<Pairs<Bytes16>>(g, 1, c);
}

}  // namespace edgert
