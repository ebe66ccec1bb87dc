// The loops of every gemm_i8 kernel, over the vector types of the including file and over a
// `Method`, which says how the products of a tile are added up:
//
//   kShifted                                  it takes bytes of a as what they are above 128
//   Sums<kRows, kVectors>                     the sums of a tile
//     Sums(const I32 (&start)[kVectors])      start from those of the columns
//     add_segment(rows, at, stride, b, k, next)
//                                             adds k of the depth, from byte `at` of the rows and
//                                             the pointers b on, which it moves on
//     total(r, v)                             vector v of row r
//
// gemm_i8_steps.h has the methods that go through the depth in steps of four.
#pragma once

#include <utility>

#include "kernels/gemm_i8/gemm_i8_end.h"

namespace edgert {
namespace {

// The first n bytes at p, 1 .. 3, zeros above them.
inline int32_t word_of(const uint8_t* p, int n) {
  uint32_t word = 0;
  for (int i = 0; i < n; ++i) word |= static_cast<uint32_t>(p[i]) << (8 * i);
  return static_cast<int32_t>(word);
}
inline int32_t word_of(const uint8_t* p) {
  int32_t word;
  __builtin_memcpy(&word, p, 4);
  return word;
}

// The rows of a tile: each has a pointer, or every third one if registers are too few, and the two
// after it lie a_stride apart.
template <int kRows>
struct TileRows {
  static constexpr int kApart = kRows <= kFreeRows ? 1 : 3;
  static constexpr int kPointers = (kRows + kApart - 1) / kApart;
  const uint8_t* p[kPointers];

  const uint8_t* at(int r, size_t at, size_t stride) const {
    return p[r / kApart] + at + r % kApart * stride;
  }
};

// Goes through the rows of a.
class RowCursor {
 public:
  explicit RowCursor(const GemmI8& g)
      : run_(g.a),
        next_(g.a),
        left_(g.run),
        rows_(g.run),
        step_(g.a_stride),
        run_step_(g.a_run_stride) {}

  // The next kRows; of one run if there are more than kFreeRows.
  template <int kRows>
  TileRows<kRows> take() {
    using Rows = TileRows<kRows>;
    Rows rows;
    if (Rows::kApart > 1 || left_ >= kRows) {
      for (int i = 0; i < Rows::kPointers; ++i) rows.p[i] = next_ + i * Rows::kApart * step_;
      pass(kRows);
    } else {
      for (int i = 0; i < Rows::kPointers; ++i) {
        rows.p[i] = next_;
        pass(1);
      }
    }
    return rows;
  }

 private:
  void pass(size_t rows) {
    next_ += rows * step_;
    left_ -= rows;
    if (left_ > 0) return;
    run_ += run_step_;
    next_ = run_;
    left_ = rows_;
  }

  const uint8_t *run_, *next_;
  size_t left_;  // of the run
  size_t rows_, step_, run_step_;
};

// One tile of kRows x (kVectors * kLanes) elements at row i, column j, of which some of the last
// vectors need not exist. A line from `next` on is fetched for each eight of the depth. `kWhole`
// says that most tiles are like this one: only these add residuals from registers, all of them
// would be 300 KB of code. Tiles of four vectors leave no registers for that.
template <typename Method, int kRows, int kVectors, bool kWhole>
inline __attribute__((always_inline)) void tile(const GemmI8& g, const TileRows<kRows>& rows,
                                                size_t i, size_t j,
                                                const ColumnBlock<kVectors>& block,
                                                const int8_t* next) {
  constexpr int kLanes = F32::kLanes;
  const int8_t* b[kVectors];
  for (int v = 0; v < kVectors; ++v) b[v] = block.b[v];
  typename Method::template Sums<kRows, kVectors> acc(block.bias);
  const size_t stride = g.a_stride;
  for (size_t s = 0; s < g.segments; ++s)
    acc.add_segment(rows, g.a_offsets[s], stride, b, g.k, next);

  if (block.last > 0 && is_linear_u8(g.out)) {
    const LinearU8 linear(g.out);
    const size_t at = i * g.c_stride + j;
    uint8_t* const c = static_cast<uint8_t*>(g.c) + at;
    const auto total = [&acc](int r, int v) { return acc.total(r, v); };
    if (g.out.residual == nullptr)
      return store_linear<false, kRows>(linear, block.multiplier, block.last, c, nullptr,
                                        g.c_stride, total);
    if constexpr (kWhole)
      if (block.last == kLanes)
        return store_linear<true, kRows>(linear, block.multiplier, kLanes, c, g.out.residual + at,
                                         g.c_stride, total);
  }
  int32_t sums[kRows * kVectors * kLanes];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v)
#pragma GCC unroll 32
    for (int r = 0; r < kRows; ++r) acc.total(r, v).store(sums + (r * kVectors + v) * kLanes);
  finish_sums(g, i, j, sums, kRows, kVectors * kLanes, block.columns());
}

// The panels of the columns after a block, which its first tiles fetch into the second cache: two
// tiles for each of them.
struct NextPanels {
  const int8_t* half;
  size_t halves, half_bytes;

  NextPanels(const GemmI8& g, size_t j, size_t columns)
      : half(g.b + j / K4N16::kOutputs * g.b_panel_stride),
        halves(0),
        half_bytes(g.b_panel_stride / 2) {
    if (j >= g.n) return;
    if (columns > g.n - j) columns = g.n - j;
    halves = 2 * ((columns + K4N16::kOutputs - 1) / K4N16::kOutputs);
  }

  // What the next tile fetches: the same again if that is all.
  const int8_t* next() {
    if (halves == 0) return half;
    --halves;
    const int8_t* const from = half;
    half += half_bytes;
    return from;
  }
};

// The rows i to `end` of a column block, in tiles of kRows. All in one function: with few steps of
// the depth, to set up each tile anew takes as long as its products.
template <typename Method, int kRows, int kVectors, bool kWhole>
void tiles(const GemmI8& g, RowCursor& rows, size_t i, size_t end, size_t j, int columns,
           NextPanels& fetch) {
  const ColumnBlock<kVectors> block(g, j, columns, Method::kShifted);
  RowCursor cursor = rows;
  for (; i < end; i += kRows)
    tile<Method, kRows, kVectors, kWhole>(g, cursor.take<kRows>(), i, j, block, fetch.next());
  rows = cursor;
}

using TilesFn = void (*)(const GemmI8&, RowCursor&, size_t, size_t, size_t, int, NextPanels&);

template <typename Method, int kVectors, int... kRows>
struct Tiles {
  static constexpr TilesFn of_rows[] = {
      tiles<Method, kRows + 1, kVectors, (kVectors == 2 && kRows + 1 == sizeof...(kRows))>...};
};

template <typename Method, int kVectors, int... kRows>
constexpr const TilesFn* tiles_of(std::integer_sequence<int, kRows...>) {
  return Tiles<Method, kVectors, kRows...>::of_rows;
}

// All rows of the columns j ... in tiles of nearly equal height, so that there is no thin last one.
// Of columns that half a tile holds it is one of that width, but for less than half a panel: no
// tile reads a panel that is not there.
template <typename Method, int kRows, int kVectors>
void column_block(const GemmI8& g, size_t j, int columns) {
  constexpr int kHalf = kVectors / 2 * F32::kLanes;
  if constexpr (kHalf >= K4N16::kOutputs / 2) {
    if (columns <= kHalf) return column_block<Method, kRows, kVectors / 2>(g, j, columns);
  }
  const TilesFn* const of_rows =
      tiles_of<Method, kVectors>(std::make_integer_sequence<int, kRows>());
  // What tiles do not go beyond.
  const size_t run = kRows <= kFreeRows ? g.m : g.run;
  const size_t count = (run + kRows - 1) / kRows;
  const size_t height = run / count, higher = run % count;  // the first `higher` have a row more
  const size_t taller = higher * (height + 1);
  RowCursor rows(g);
  NextPanels fetch(g, j + kVectors * F32::kLanes, kVectors * F32::kLanes);
  for (size_t i = 0; i < g.m; i += run) {
    if (taller > 0) of_rows[height](g, rows, i, i + taller, j, columns, fetch);
    of_rows[height - 1](g, rows, i + taller, i + run, j, columns, fetch);
  }
}

template <typename Method, int kRows, int kVectors>
void gemm(const GemmI8& g) {
  if (g.m == 0) return;
  constexpr int kColumns = kVectors * F32::kLanes;
  for (size_t j = 0; j < g.n; j += kColumns)
    column_block<Method, kRows, kVectors>(
        g, j, g.n - j < kColumns ? static_cast<int>(g.n - j) : kColumns);
}

}  // namespace
}  // namespace edgert
