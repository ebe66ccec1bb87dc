// The loops of every gemm_i8 kernel, over the vector types of the including file and over `Dot`:
//
//   Weights, load(p)     the weights of one vector of outputs, four of the depth
//   Sum, start(I32)      an accumulator of one vector of outputs
//   Input, broadcast     four bytes of a row, from a 32-bit word
//   add(sum, x, w)       adds four products per output
//   kTwoSteps            whether there is add(sum, x, w, y, v), which adds eight
//   total(sum)           the sums, one output per lane
#pragma once

#include <utility>

#include "kernels/gemm_i8/gemm_i8.h"
#include "kernels/simd/epilogue.h"
#include "kernels/simd/requantize.h"

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

// The plain case: one vector of sums, and a function that adds four products to each lane.
template <I32 (*kDot)(I32, I32, I32)>
struct PlainDot {
  static constexpr bool kTwoSteps = false;
  using Weights = I32;
  using Sum = I32;
  using Input = I32;
  static Weights load(const int8_t* p) { return I32::load(reinterpret_cast<const int32_t*>(p)); }
  static Sum start(I32 bias) { return bias; }
  static Input broadcast(int32_t word) { return I32::broadcast(word); }
  static Sum add(Sum sum, Input x, Weights w) { return kDot(sum, x, w); }
  static I32 total(Sum sum) { return sum; }
};

// From sums that include the bias, `rows` rows of `columns` of them, `stride` elements apart, to
// the outputs from row i, column j on.
__attribute__((noinline, noclone)) inline void finish_dynamic(const GemmI8& g, size_t i, size_t j,
                                                              const int32_t* sums, int rows,
                                                              int stride, int columns) {
  const DynamicOutput dynamic = *g.dynamic;
  const Activation& activation = g.out.output.activation;
  const Clamp clamp(activation);
  const size_t c_stride = g.c_stride, at = i * c_stride + j;
  float* const c = static_cast<float*>(g.c) + at;
  for (int v = 0; v < columns; v += F32::kLanes) {
    const int n = columns - v < F32::kLanes ? columns - v : F32::kLanes;
    const I32 minus_sum = load_first(g.out.bias + j + v, n);
    const F32 multiplier = load_first(g.out.multiplier + j + v, n);
    const F32 bias = dynamic.bias ? load_first(dynamic.bias + j + v, n) : F32::zero();
    const DynamicScale* scale = dynamic.scales + i * dynamic.scale_step;
    const float* residual = dynamic.residual ? dynamic.residual + at + v : nullptr;
    float* to = c + v;
    for (int r = 0; r < rows; ++r, scale += dynamic.scale_step, to += c_stride) {
      // The bias is there once.
      const I32 zero = I32::broadcast(scale->zero - 1) * minus_sum;
      F32 t = to_f32(I32::load(sums + r * stride + v) + zero) * multiplier *
                  F32::broadcast(&scale->scale) +
              bias;
      if (residual) {
        t = t + load_first(residual, n);
        residual += c_stride;
      }
      store_first(to, n, clamp(t));
    }
  }
  if (!is_clamp(activation)) activate(activation, c, rows, c_stride, columns);
}

// What the tiles of the same columns share. `columns` exist, the last vector being partly filled at
// least.
template <int kVectors>
struct ColumnBlock {
  static constexpr int kLanes = F32::kLanes;
  const int8_t* b[kVectors];
  I32 bias[kVectors];
  F32 multiplier[kVectors];
  int last;  // columns in the last vector

  ColumnBlock(const GemmI8& g, size_t j, int columns) : last(columns - (kVectors - 1) * kLanes) {
    for (int v = 0; v < kVectors; ++v) {
      const size_t column = j + v * kLanes;
      const int n = v < kVectors - 1 ? kLanes : last;
      b[v] = g.b + column / kPanelOutputs * g.b_panel_stride + column % kPanelOutputs * kPanelDepth;
      bias[v] = load_first(g.out.bias + column, n);
      multiplier[v] = load_first(g.out.multiplier + column, n);
    }
  }
};

// One tile of kRows x (kVectors * kLanes) elements at row i, column j.
template <typename Dot, int kRows, int kVectors>
inline __attribute__((always_inline)) void tile(const GemmI8& g, size_t i, size_t j,
                                                const ColumnBlock<kVectors>& block) {
  constexpr int kLanes = F32::kLanes, kStep = kPanelOutputs * kPanelDepth;
  const int8_t* b[kVectors];
  for (int v = 0; v < kVectors; ++v) b[v] = block.b[v];
  const int last = block.last;

  // Every loop over accumulators is unrolled, or the compiler would keep them in memory.
  typename Dot::Sum acc[kRows][kVectors];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v)
#pragma GCC unroll 32
    for (int r = 0; r < kRows; ++r) acc[r][v] = Dot::start(block.bias[v]);

  const size_t stride = g.a_stride;
  for (size_t s = 0; s < g.segments; ++s) {
    // Every third row has a pointer; the two after it are reached through an index register.
    constexpr int kPointers = (kRows + 2) / 3;
    const uint8_t* a[kPointers];
    for (int r = 0; r < kPointers; ++r) a[r] = g.a + (i + 3 * r) * stride + g.a_offsets[s];
    const auto step = [&](int u, auto word) {
      typename Dot::Weights w[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) w[v] = Dot::load(b[v] + u * kStep);
#pragma GCC unroll 32
      for (int r = 0; r < kRows; ++r) {
        const typename Dot::Input x =
            Dot::broadcast(word(a[r / 3] + r % 3 * stride + u * kPanelDepth));
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) acc[r][v] = Dot::add(acc[r][v], x, w[v]);
      }
    };
    const auto advance = [&](int steps) {
      for (int r = 0; r < kPointers; ++r) a[r] += steps * kPanelDepth;
      for (int v = 0; v < kVectors; ++v) b[v] += steps * kStep;
    };
    const auto four = [](const uint8_t* p) { return word_of(p); };
    size_t left = g.k / kPanelDepth;
    for (; left >= 2; left -= 2) {
      if constexpr (Dot::kTwoSteps) {
#pragma GCC unroll 32
        for (int r = 0; r < kRows; ++r) {
          const uint8_t* const p = a[r / 3] + r % 3 * stride;
          const auto x = Dot::broadcast(word_of(p)), y = Dot::broadcast(word_of(p + kPanelDepth));
#pragma GCC unroll 4
          for (int v = 0; v < kVectors; ++v)
            acc[r][v] = Dot::add(acc[r][v], x, Dot::load(b[v]), y, Dot::load(b[v] + kStep));
        }
      } else {
        step(0, four);
        step(1, four);
      }
      advance(2);
    }
    if (left > 0) {
      step(0, four);
      advance(1);
    }
    if (const int rest = static_cast<int>(g.k % kPanelDepth); rest > 0) {
      step(0, [rest](const uint8_t* p) { return word_of(p, rest); });
      advance(1);
    }
  }

  if (g.out.small && is_plain(g.out)) {
    uint8_t* const c = static_cast<uint8_t*>(g.c) + i * g.c_stride + j;
    const Bytes4::Range range(g.out.output.zero, g.out.output.low, g.out.output.high);
    constexpr int kCount = kRows * kVectors;
#pragma GCC unroll 16
    for (int first = 0; first < kCount; first += 4) {
      I32 y[4];
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q) {
        const int at = first + q < kCount ? first + q : first;
        y[q] = to_i32(to_f32(Dot::total(acc[at / kVectors][at % kVectors])) *
                      block.multiplier[at % kVectors]);
      }
      const Bytes4 bytes(y, range);
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q) {
        if (first + q >= kCount) break;
        const int r = (first + q) / kVectors, v = (first + q) % kVectors;
        uint8_t* const to = c + r * g.c_stride + v * kLanes;
        if (kVectors == 2 && last == kLanes) {
          if (v == 0) bytes.store_half(q / 2, to);
        } else if (v < kVectors - 1 || last == kLanes) {
          bytes.store_quarter(q, to);
        } else {
          bytes.store_quarter(q, to, last);
        }
      }
    }
    return;
  }
  int32_t sums[kRows * kVectors * kLanes];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v)
#pragma GCC unroll 32
    for (int r = 0; r < kRows; ++r) Dot::total(acc[r][v]).store(sums + (r * kVectors + v) * kLanes);
  const int columns = (kVectors - 1) * kLanes + last;
  if (g.dynamic != nullptr) return finish_dynamic(g, i, j, sums, kRows, kVectors * kLanes, columns);
  finish(g.out, j, sums, kRows, kVectors * kLanes, columns, g.c, i * g.c_stride + j, g.c_stride);
}

// The rows from `begin` on, before `end`, of a column block, in tiles of kRows. All in one
// function: with few steps of the depth, to set up each tile anew takes as long as its products.
template <typename Dot, int kRows, int kVectors>
void tiles(const GemmI8& g, size_t begin, size_t end, size_t j, int columns) {
  const ColumnBlock<kVectors> block(g, j, columns);
  for (size_t i = begin; i < end; i += kRows) tile<Dot, kRows, kVectors>(g, i, j, block);
}

using TilesFn = void (*)(const GemmI8&, size_t, size_t, size_t, int);

template <typename Dot, int kVectors, int... kRows>
struct Tiles {
  static constexpr TilesFn of_rows[] = {tiles<Dot, kRows + 1, kVectors>...};
};

template <typename Dot, int kVectors, int... kRows>
constexpr const TilesFn* tiles_of(std::integer_sequence<int, kRows...>) {
  return Tiles<Dot, kVectors, kRows...>::of_rows;
}

// All rows of the columns j ... in tiles of nearly equal height, so that there is no thin last one.
// A tile whose last vector had no column would read a panel that is not there: it is narrowed
// first.
template <typename Dot, int kRows, int kVectors>
void column_block(const GemmI8& g, size_t j, int columns) {
  if constexpr (kVectors > 1) {
    if (columns <= (kVectors - 1) * F32::kLanes)
      return column_block<Dot, kRows, kVectors - 1>(g, j, columns);
  }
  if (g.m == 0) return;
  const TilesFn* const of_rows = tiles_of<Dot, kVectors>(std::make_integer_sequence<int, kRows>());
  const size_t count = (g.m + kRows - 1) / kRows;
  const size_t rows = g.m / count, higher = g.m % count;  // the first `higher` have a row more
  const size_t middle = higher * (rows + 1);
  if (higher > 0) of_rows[rows](g, 0, middle, j, columns);
  of_rows[rows - 1](g, middle, g.m, j, columns);
}

template <typename Dot, int kRows, int kVectors>
void gemm(const GemmI8& g) {
  constexpr int kColumns = kVectors * F32::kLanes;
  for (size_t j = 0; j < g.n; j += kColumns)
    column_block<Dot, kRows, kVectors>(g, j,
                                       g.n - j < kColumns ? static_cast<int>(g.n - j) : kColumns);
}

}  // namespace
}  // namespace edgert
