#define EDGERT_ROUND_TWICE
#include "kernels/simd/amx_int8.h"

#include "kernels/gemm_i8/gemm_i8_end.h"

// Four tiles of sums, 32 x 32 of them, need 4 KiB of operands for 64 of the depth: four loads of 8
// cycles from the first cache, and four products of 16 cycles. So the products are the bottleneck,
// and still are if half of the operands come from the second cache at 48 bytes per cycle or more.
// Therefore the columns are the outer loop: two panels of up to 1000 of the depth stay in the first
// cache, while the rows, which the caller keeps in the second, pass by.
//
// To make bytes of so many sums takes 250 cycles, as long as the products of a depth of 256, on
// units of their own. But the CPU does not look that far ahead: the two must alternate in the
// program, a few instructions each. To change the shapes of tiles takes 165 cycles, so that all
// tiles of a call have the same.

namespace edgert {
namespace {

// The tiles: sums of row tile r and panel v, inputs of row tile r, weights of panel v.
constexpr int sum_tile(int r, int v) { return 2 * r + v; }
constexpr int input_tile(int r) { return 4 + r; }
constexpr int weight_tile(int v) { return 6 + v; }

constexpr size_t kColumns = 2 * K4N16::kOutputs;
static_assert(K4N16::kOutputs * K4N16::kDepth == kTileBytes && K4N16::kOutputs == F32::kLanes);

// How the depth of a segment is cut into steps of equal depth, at most a tile's. They are read in
// place. What remains is copied with zeros around it, to where the panel has a whole step:
// the first elements may have been added before, the last lie beyond the depth.
struct Steps {
  size_t depth;     // of a step, a multiple of K4N16::kDepth
  size_t end;       // of those in place
  size_t rest;      // where the step of what remains begins
  __mmask64 fresh;  // the elements of that step that remain

  explicit Steps(size_t k) {
    const size_t filled = (k + K4N16::kDepth - 1) / K4N16::kDepth * K4N16::kDepth;
    const size_t count = (k + kTileBytes - 1) / kTileBytes;
    if (count > 0 && k % (count * K4N16::kDepth) == 0)
      depth = k / count;
    else
      depth = 0 < filled && filled < kTileBytes ? filled : kTileBytes;
    end = k / depth * depth;
    rest = filled - depth;
    fresh = end < k ? ((uint64_t{1} << (k - end)) - 1) << (end - rest) : 0;
  }
};

// The rows in tiles of one height. A tile does not reach beyond its run: the last one of a run
// begins in the one before it if need be.
class RowTiles {
 public:
  explicit RowTiles(const GemmI8& g) : g_(g), run_(g.a) {
    const size_t tiles = (g.run + kTileRows - 1) / kTileRows;
    height_ = (g.run + tiles - 1) / tiles;
  }

  struct Tile {
    const uint8_t* a;
    int fresh;  // rows, the last ones, that no tile had before
  };
  int height() const { return static_cast<int>(height_); }
  // The next tile, without a fresh row if there is none.
  Tile next() {
    if (i_ == g_.m) return {run_, 0};
    const size_t rest = g_.run - done_, fresh = rest < height_ ? rest : height_;
    i_ += fresh;
    done_ += fresh;
    const Tile tile = {run_ + (done_ - height_) * g_.a_stride, static_cast<int>(fresh)};
    if (done_ == g_.run) {
      done_ = 0;
      run_ += g_.a_run_stride;
    }
    return tile;
  }

 private:
  const GemmI8& g_;
  size_t height_;
  const uint8_t* run_;
  size_t i_ = 0, done_ = 0;  // rows that tiles had: of all, of the run
};

// Two tiles of sums above each other, the first rows of the second perhaps on the last of the
// first.
constexpr int kSumStride = kColumns;
using Sums = int32_t[2 * kTileRows][kSumStride];

// What becomes of the sums of some rows and all columns of a block, step by step.
template <int kPanels, bool kResidual>
class LinearEnd {
 public:
  LinearEnd(const GemmI8& g, size_t j, int columns)
      : linear_(g.out),
        vectors_(g.out, j, columns),
        last_(columns - (kPanels - 1) * K4N16::kOutputs),
        stride_(g.c_stride),
        y_(static_cast<uint8_t*>(g.c) + j),
        residual_(kResidual ? g.out.residual + j : nullptr) {}

  void begin(const int32_t* sums, int rows) {
    sums_ = sums;
    left_ = rows;
  }
  // A few rows: some 60 cycles of work.
  __attribute__((noinline)) void step() {
    if (left_ == 0) return;
    const LinearU8 linear = linear_;
    F32 multiplier[kPanels];
    for (int v = 0; v < kPanels; ++v) multiplier[v] = vectors_.multiplier[v];
    constexpr int kMost = 16 / kPanels;  // four vectors of bytes
    const int rows = left_ < kMost ? left_ : kMost;
    store_linear_rows<kResidual>(linear, multiplier, last_, sums_, kSumStride, rows, y_, residual_,
                                 stride_);
    sums_ += rows * kSumStride;
    y_ += rows * stride_;
    if (kResidual) residual_ += rows * stride_;
    left_ -= rows;
  }
  void rest() {
    while (left_ > 0) step();
  }

 private:
  const LinearU8 linear_;
  const OutputVectors<kPanels> vectors_;
  const int last_;
  const size_t stride_;
  uint8_t* y_;
  const uint8_t* residual_;
  const int32_t* sums_ = nullptr;
  int left_ = 0;
};

// The same for everything else, all at once.
class OtherEnd {
 public:
  OtherEnd(const GemmI8& g, size_t j, int columns) : g_(g), j_(j), columns_(columns) {}

  void begin(const int32_t* sums, int rows) {
    sums_ = sums;
    rows_ = rows;
  }
  void step() {}
  void rest() {
    finish_sums(g_, i_, j_, sums_, rows_, kSumStride, columns_);
    i_ += rows_;
    rows_ = 0;
  }

 private:
  const GemmI8& g_;
  const size_t j_;
  const int columns_;
  const int32_t* sums_ = nullptr;
  size_t i_ = 0;
  int rows_ = 0;
};

// Adds all products of two tiles of rows, or one, to the sums, and calls between() after each step.
// Meanwhile a panel goes to the second cache, unless it is null.
template <int kPanels, typename Between>
__attribute__((always_inline)) inline void add_products(const GemmI8& g, const Steps& steps,
                                                        const RowTiles::Tile& first,
                                                        const RowTiles::Tile& second, int height,
                                                        const int8_t* b, const int8_t* panel,
                                                        Between between) {
  const bool two_tiles = second.fresh > 0;
  const size_t a_stride = g.a_stride, b_panel_stride = g.b_panel_stride;
  const auto step = [&](const uint8_t* x, const uint8_t* y, size_t stride, const int8_t* w) {
    load_tile<weight_tile(0)>(w, kTileBytes);
    load_tile<input_tile(0)>(x, stride);
    dot_tiles<sum_tile(0, 0), input_tile(0), weight_tile(0)>();
    if (kPanels == 2) {
      load_tile<weight_tile(1)>(w + b_panel_stride, kTileBytes);
      dot_tiles<sum_tile(0, 1), input_tile(0), weight_tile(1)>();
    }
    if (two_tiles) {
      load_tile<input_tile(1)>(y, stride);
      dot_tiles<sum_tile(1, 0), input_tile(1), weight_tile(0)>();
      if (kPanels == 2) dot_tiles<sum_tile(1, 1), input_tile(1), weight_tile(1)>();
    }
    if (panel != nullptr)
      for (int r = 0; r < kTileRows; ++r, panel += kTileBytes) __builtin_prefetch(panel, 0, 2);
    between();
  };
  const size_t segment_bytes =
      (g.k + K4N16::kDepth - 1) / K4N16::kDepth * kTileBytes;  // of a panel
  for (size_t s = 0; s < g.segments; ++s, b += segment_bytes) {
    const uint8_t* const x = first.a + g.a_offsets[s];
    const uint8_t* const y = second.a + g.a_offsets[s];
    for (size_t p = 0; p < steps.end; p += steps.depth)
      step(x + p, y + p, a_stride, b + p * K4N16::kOutputs);
    if (steps.fresh == 0) continue;
    alignas(kTileBytes) uint8_t rests[2][kTileRows][kTileBytes];
    const auto copy = [&](const uint8_t* from, uint8_t (*to)[kTileBytes]) {
      for (int r = 0; r < height; ++r)
        _mm512_store_si512(to[r],
                           _mm512_maskz_loadu_epi8(steps.fresh, from + r * a_stride + steps.rest));
    };
    copy(x, rests[0]);
    if (two_tiles) copy(y, rests[1]);
    step(rests[0][0], rests[1][0], kTileBytes, b + steps.rest * K4N16::kOutputs);
  }
}

// All rows of the columns from j on.
template <int kPanels, class End>
void column_block(const GemmI8& g, const Steps& steps, size_t j, int columns) {
  const int8_t* const b = g.b + j / K4N16::kOutputs * g.b_panel_stride;
  const OutputVectors<kPanels> vectors(g.out, j, columns);
  alignas(kTileBytes) int32_t bias[kPanels][K4N16::kOutputs];
  for (int v = 0; v < kPanels; ++v) vectors.bias[v].store(bias[v]);

  // The products of a pair of tiles are under way while the sums before them become outputs.
  alignas(kTileBytes) Sums sums[2];
  int turn = 0;
  End end(g, j, columns);
  RowTiles row_tiles(g);
  const int height = row_tiles.height();
  size_t next = j + kColumns;  // whose panel is to be fetched
  const size_t next_end = next + kColumns < g.n ? next + kColumns : g.n;
  for (RowTiles::Tile first = row_tiles.next(); first.fresh > 0; first = row_tiles.next()) {
    const RowTiles::Tile second = row_tiles.next();
    const bool two_tiles = second.fresh > 0;
    // The sums begin with the bias, the same for all rows.
    load_tile<sum_tile(0, 0)>(bias[0], 0);
    if (kPanels == 2) load_tile<sum_tile(0, 1)>(bias[kPanels - 1], 0);
    if (two_tiles) {
      load_tile<sum_tile(1, 0)>(bias[0], 0);
      if (kPanels == 2) load_tile<sum_tile(1, 1)>(bias[kPanels - 1], 0);
    }
    end.step();
    const int8_t* const panel =
        next < next_end ? g.b + next / K4N16::kOutputs * g.b_panel_stride : nullptr;
    next += K4N16::kOutputs;
    add_products<kPanels>(g, steps, first, second, height, b, panel, [&] { end.step(); });
    Sums& to = sums[turn];
    store_tile<sum_tile(0, 0)>(to[0], sizeof to[0]);
    if (kPanels == 2) store_tile<sum_tile(0, 1)>(to[0] + K4N16::kOutputs, sizeof to[0]);
    end.step();
    if (two_tiles) {
      // Its rows that are not fresh are the last ones of the first tile.
      int32_t* const below = to[second.fresh];
      store_tile<sum_tile(1, 0)>(below, sizeof to[0]);
      if (kPanels == 2) store_tile<sum_tile(1, 1)>(below + K4N16::kOutputs, sizeof to[0]);
    }
    end.rest();
    end.begin(to[height - first.fresh], first.fresh + second.fresh);
    turn ^= 1;
  }
  end.rest();
}

using ColumnBlockFn = void (*)(const GemmI8&, const Steps&, size_t, int);

template <int kPanels>
ColumnBlockFn column_block_for(const AccumulatorOutput& out) {
  if (!is_linear_u8(out)) return column_block<kPanels, OtherEnd>;
  return out.residual ? column_block<kPanels, LinearEnd<kPanels, true>>
                      : column_block<kPanels, LinearEnd<kPanels, false>>;
}

}  // namespace

void gemm_i8_amx_int8_16x32(const GemmI8& g) {
  if (g.m == 0) return;
  const Steps steps(g.k);
  const int height = RowTiles(g).height();
  TileShapes shapes;
  for (int v = 0; v < 2; ++v) shapes.set(weight_tile(v), steps.depth / K4N16::kDepth, kTileBytes);
  for (int r = 0; r < 2; ++r) {
    shapes.set(input_tile(r), height, steps.depth);
    for (int v = 0; v < 2; ++v) shapes.set(sum_tile(r, v), height, kTileBytes);
  }
  configure_tiles(shapes);
  const ColumnBlockFn two = column_block_for<2>(g.out), one = column_block_for<1>(g.out);
  for (size_t j = 0; j < g.n; j += kColumns) {
    const int columns = static_cast<int>(g.n - j < kColumns ? g.n - j : kColumns);
    (columns > K4N16::kOutputs ? two : one)(g, steps, j, columns);
  }
  release_tiles();
}

}  // namespace edgert
