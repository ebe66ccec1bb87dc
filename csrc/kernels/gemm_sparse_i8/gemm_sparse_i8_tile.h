// The loops of every gemm_sparse_i8 kernel, over the vector types of the including file and `Dot`:
//
//   Weights, broadcast(p)  the four weights of a block of an output, for every row
//   Input, load(p)         a column of vectors of rows, four of the depth each
//   Sum, start(I32)        the sums of a vector of rows
//   add(sum, x, w)         adds four products per row
//   kPaired                whether there is add(sum, x, w, y, v), which adds eight
//   total(sum)             the sums, one row per lane
//   kFlip                  what the bytes of columns are flipped by
#pragma once

#include "kernels/gemm_sparse_i8/gemm_sparse_i8.h"
#include "kernels/simd/columns.h"
#include "kernels/simd/requantize.h"

namespace edgert {
namespace {

// The plain case: one vector of sums, and a function that adds four products to each lane.
template <I32 (*kDot)(I32, I32, I32)>
struct PlainDot {
  static constexpr bool kPaired = false;
  static constexpr int32_t kFlip = 0;
  using Weights = I32;
  using Input = I32;
  using Sum = I32;
  static Weights broadcast(const int8_t* p) {
    int32_t word;
    __builtin_memcpy(&word, p, sizeof word);
    return I32::broadcast(word);
  }
  static Input load(const uint8_t* p) { return load_bytes(p); }
  static Sum start(I32 sum) { return sum; }
  static Sum add(Sum sum, Input x, Weights w) { return kDot(sum, x, w); }
  static I32 total(Sum sum) { return sum; }
};

// Goes through the rows of blocks.
template <typename Dot, typename Shape, int kVectors>
class RowSums {
 public:
  static constexpr int kLanes = F32::kLanes, kRows = kVectors * kLanes;
  static constexpr int kOutputs = Shape::kOutputs, kElements = Shape::kElements;
  static constexpr size_t kColumn = 4 * kRows;  // bytes

  explicit RowSums(const BlockRows<int8_t>& rows)
      : count_(rows.counts), w_(rows.blocks), gap_(rows.gaps) {}

  // The sums of the outputs of the next row of blocks, from those in `start` on: kRows each.
  void next(const uint8_t* columns, const int32_t* start, int32_t* sums) {
    // Every loop over accumulators is unrolled, or the compiler would keep them in memory.
    typename Dot::Sum acc[kOutputs][kVectors];
#pragma GCC unroll 4
    for (int o = 0; o < kOutputs; ++o)
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) acc[o][v] = Dot::start(I32::broadcast(start[o]));
    const uint8_t* x = columns;
    const int8_t* w = w_;
    const uint8_t* gap = gap_;
    size_t left = *count_++;
    if constexpr (Dot::kPaired) {
      for (; left >= 2; left -= 2) {
        x += gap[0] * kColumn;
        const uint8_t* const y = x + (gap[1] + 1) * kColumn;
#pragma GCC unroll 4
        for (int o = 0; o < kOutputs; ++o) {
          const auto first = Dot::broadcast(w + 4 * o);
          const auto second = Dot::broadcast(w + kElements + 4 * o);
#pragma GCC unroll 8
          for (int v = 0; v < kVectors; ++v)
            acc[o][v] = Dot::add(acc[o][v], Dot::load(x + 4 * kLanes * v), first,
                                 Dot::load(y + 4 * kLanes * v), second);
        }
        x = y + kColumn;
        w += 2 * kElements;
        gap += 2;
      }
    }
    for (; left > 0; --left) {
      x += *gap++ * kColumn;
      typename Dot::Input input[kVectors];
      if constexpr (kOutputs > 1) {
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) input[v] = Dot::load(x + 4 * kLanes * v);
      }
#pragma GCC unroll 4
      for (int o = 0; o < kOutputs; ++o) {
        const auto weights = Dot::broadcast(w + 4 * o);
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) {
          if constexpr (kOutputs == 1) input[v] = Dot::load(x + 4 * kLanes * v);
          acc[o][v] = Dot::add(acc[o][v], input[v], weights);
        }
      }
      x += kColumn;
      w += kElements;
    }
    w_ = w;
    gap_ = gap;
#pragma GCC unroll 4
    for (int o = 0; o < kOutputs; ++o)
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) Dot::total(acc[o][v]).store(sums + o * kRows + v * kLanes);
  }

 private:
  const uint16_t* count_;
  const int8_t* w_;
  const uint8_t* gap_;
};

// The outputs of `rows` rows of a, from row i on, which lie in `columns`.
template <typename Dot, typename Shape, int kVectors>
void multiply_columns(const GemmSparseI8& g, const uint8_t* columns, size_t i, size_t rows,
                      int32_t* sums) {
  constexpr int kRows = kVectors * F32::kLanes, kGroup = kSparseGroup;
  int32_t* const finished = sums + kGroup * kRows;
  RowSums<Dot, Shape, kVectors> of_rows(g.b);
  for (size_t j = 0; j < g.n; j += kSparseGroup) {
    const int outputs = g.n - j < kSparseGroup ? static_cast<int>(g.n - j) : kGroup;
    int32_t start[kGroup] = {};
    for (int o = 0; o < outputs; ++o) {
      uint32_t sum = static_cast<uint32_t>(g.out.bias[j + o]);
      if (Dot::kFlip != 0) sum += static_cast<uint32_t>(g.column_sums[j + o]) << 7;
      start[o] = static_cast<int32_t>(sum);
    }
    for (int o = 0; o < outputs; o += Shape::kOutputs)
      of_rows.next(columns, start + o, sums + o * kRows);
    to_rows<kRows>(reinterpret_cast<const float*>(sums), outputs,
                   [=](int r, int o, const F32(&block)[F32::kLanes]) {
#pragma GCC unroll 16
                     for (int l = 0; l < F32::kLanes; ++l)
                       bits(block[l]).store(finished + (r + l) * kGroup + o);
                   });
    finish(g.out, j, finished, static_cast<int>(rows), kGroup, outputs, g.c, i * g.c_stride + j,
           g.c_stride);
  }
}

// As many rows as kVectors vectors hold at a time, and the rest in as few as hold them.
template <typename Dot, typename Shape, int kVectors>
void multiply_rows(const GemmSparseI8& g, RowAddresses& addresses, size_t i) {
  constexpr int kRows = kVectors * F32::kLanes;
  const size_t words = (g.k + 3) / 4;
  uint8_t* const columns = reinterpret_cast<uint8_t*>(g.scratch);
  int32_t* const sums = reinterpret_cast<int32_t*>(columns + g.segments * words * 4 * kRows);
  for (; i < g.m && (g.m - i >= kRows || g.m - i > kRows - F32::kLanes); i += kRows) {
    const size_t rows = g.m - i < kRows ? g.m - i : kRows;
    const uint8_t* row[kRows];
    addresses.take(row, rows, kRows);
    for (size_t s = 0; s < g.segments; ++s)
      to_columns<kRows>(row, g.a_offsets[s], g.k, I32::broadcast(Dot::kFlip),
                        reinterpret_cast<uint32_t*>(columns) + s * words * kRows);
    multiply_columns<Dot, Shape, kVectors>(g, columns, i, rows, sums);
  }
  if constexpr (kVectors > 1)
    if (i < g.m) multiply_rows<Dot, Shape, kVectors - 1>(g, addresses, i);
}

template <typename Dot, typename Shape, int kVectors>
void gemm_sparse(const GemmSparseI8& g) {
  if constexpr (kVectors > 1)
    if (g.tile_rows < kVectors * F32::kLanes) return gemm_sparse<Dot, Shape, kVectors - 1>(g);
  RowAddresses addresses(g.a, g.run, g.a_run_stride, g.a_stride);
  multiply_rows<Dot, Shape, kVectors>(g, addresses, 0);
}

}  // namespace
}  // namespace edgert
