#define EDGERT_ROUND_TWICE
#include "kernels/simd/amx_int8.h"

#include "kernels/gemm_i8/gemm_i8_end.h"

// Four tiles of sums, 32 x 32 of them, need 4 KiB of operands for 64 of the depth: four loads of 8
// cycles from the first cache, and four products of 16 cycles. So the products are the bottleneck,
// and still are if half of the operands come from the second cache at 48 bytes per cycle or more.
// Therefore the columns are the outer loop: two panels of up to 1000 of the depth stay in the first
// cache, while the rows, which the caller keeps in the second, pass by. (From published figures of
// these instructions; nobody has measured this on such a CPU yet.)

namespace edgert {
namespace {

// The tiles: sums of row tile r and panel v, inputs of row tile r, weights of panel v.
constexpr int sum_tile(int r, int v) { return 2 * r + v; }
constexpr int input_tile(int r) { return 4 + r; }
constexpr int weight_tile(int v) { return 6 + v; }

constexpr size_t kColumns = 2 * kPanelOutputs;
static_assert(kPanelOutputs * kPanelDepth == kTileBytes && kPanelOutputs == F32::kLanes);

// How the depth of a segment is cut into steps of equal depth, at most a tile's. They are read in
// place. What remains is copied with zeros around it, to where the panel has a whole step:
// the first elements may have been added before, the last lie beyond the depth.
struct Steps {
  size_t depth;     // of a step, a multiple of kPanelDepth
  size_t end;       // of those in place
  size_t rest;      // where the step of what remains begins
  __mmask64 fresh;  // the elements of that step that remain

  explicit Steps(size_t k) {
    const size_t filled = (k + kPanelDepth - 1) / kPanelDepth * kPanelDepth;
    const size_t count = (k + kTileBytes - 1) / kTileBytes;
    if (count > 0 && k % (count * kPanelDepth) == 0)
      depth = k / count;
    else
      depth = 0 < filled && filled < kTileBytes ? filled : kTileBytes;
    end = k / depth * depth;
    rest = filled - depth;
    fresh = end < k ? ((uint64_t{1} << (k - end)) - 1) << (end - rest) : 0;
  }
};

// The rows in pairs of tiles. A tile does not reach beyond its run; those of a run have nearly the
// same height.
class RowTiles {
 public:
  explicit RowTiles(const GemmI8& g)
      : g_(g),
        of_run_((g.run + kTileRows - 1) / kTileRows),
        rows_(g.run / of_run_),
        higher_(g.run % of_run_),
        run_(g.a) {}

  struct Tile {
    const uint8_t* a;
    int rows;
  };
  // The next tile, of no rows if there is none.
  Tile next() {
    if (i_ == g_.m) return {g_.a, 0};
    const size_t rows = rows_ + (tile_ < higher_);
    const Tile tile = {run_ + done_ * g_.a_stride, static_cast<int>(rows)};
    i_ += rows;
    done_ += rows;
    if (++tile_ == of_run_) {
      tile_ = done_ = 0;
      run_ += g_.a_run_stride;
    }
    return tile;
  }

 private:
  const GemmI8& g_;
  const size_t of_run_, rows_, higher_;  // the first `higher_` tiles of a run have a row more
  const uint8_t* run_;
  size_t i_ = 0, tile_ = 0, done_ = 0;  // the next row; tiles and rows of the run before it
};

// Adds all products of two tiles of rows, or one, and two panels, or one, to the sums.
void add_products(const GemmI8& g, const Steps steps, const RowTiles::Tile& first,
                  const RowTiles::Tile& second, const int8_t* b, bool two_panels) {
  const bool two_tiles = second.rows > 0;
  const size_t a_stride = g.a_stride, b_panel_stride = g.b_panel_stride;
  const auto step = [&](const uint8_t* x, const uint8_t* y, size_t stride, const int8_t* w) {
    load_tile<weight_tile(0)>(w, kTileBytes);
    load_tile<input_tile(0)>(x, stride);
    dot_tiles<sum_tile(0, 0), input_tile(0), weight_tile(0)>();
    if (two_panels) {
      load_tile<weight_tile(1)>(w + b_panel_stride, kTileBytes);
      dot_tiles<sum_tile(0, 1), input_tile(0), weight_tile(1)>();
    }
    if (two_tiles) {
      load_tile<input_tile(1)>(y, stride);
      dot_tiles<sum_tile(1, 0), input_tile(1), weight_tile(0)>();
      if (two_panels) dot_tiles<sum_tile(1, 1), input_tile(1), weight_tile(1)>();
    }
  };
  const size_t segment_bytes = (g.k + kPanelDepth - 1) / kPanelDepth * kTileBytes;  // of a panel
  alignas(kTileBytes) uint8_t rests[2][kTileRows][kTileBytes];
  for (size_t s = 0; s < g.segments; ++s, b += segment_bytes) {
    const uint8_t* const x = first.a + g.a_offsets[s];
    const uint8_t* const y = second.a + g.a_offsets[s];
    for (size_t p = 0; p < steps.end; p += steps.depth)
      step(x + p, y + p, a_stride, b + p * kPanelOutputs);
    if (steps.fresh == 0) continue;
    const auto copy = [&](const uint8_t* from, int rows, uint8_t (*to)[kTileBytes]) {
      for (int r = 0; r < rows; ++r)
        _mm512_store_si512(to[r],
                           _mm512_maskz_loadu_epi8(steps.fresh, from + r * a_stride + steps.rest));
    };
    copy(x, first.rows, rests[0]);
    copy(y, second.rows, rests[1]);
    step(rests[0][0], rests[1][0], kTileBytes, b + steps.rest * kPanelOutputs);
  }
}

// What the pair of tiles of sums is stored to.
constexpr int kSumStride = 2 * kPanelOutputs;
using Sums = int32_t[2 * kTileRows][kSumStride];

template <int kPanels>
void store_rows(const GemmI8& g, size_t i, size_t j, const Sums& sums, int rows, int columns) {
  const ColumnBlock<kPanels> block(g, j, columns);
  const Bytes4::Range range(g.out.output.zero, g.out.output.low, g.out.output.high);
  constexpr int kTogether = 4 / kPanels;  // whose bytes are one vector
  int r = 0;
  const auto total = [&](int q, int v) { return I32::load(sums[r + q] + v * kPanelOutputs); };
  for (; r + kTogether <= rows; r += kTogether)
    store_plain<kTogether>(g, i + r, j, block, range, total);
  for (; r < rows; ++r) store_plain<1>(g, i + r, j, block, range, total);
}

// All rows of the columns from j on.
void column_block(const GemmI8& g, const Steps& steps, size_t j, int columns) {
  const int8_t* const b = g.b + j / kPanelOutputs * g.b_panel_stride;
  const bool two_panels = columns > kPanelOutputs, plain = g.out.small && is_plain(g.out);
  alignas(kTileBytes) int32_t bias[2][kPanelOutputs];
  load_first(g.out.bias + j, two_panels ? kPanelOutputs : columns).store(bias[0]);
  if (two_panels)
    load_first(g.out.bias + j + kPanelOutputs, columns - kPanelOutputs).store(bias[1]);

  TileShapes shapes;
  for (int v = 0; v < 2; ++v) shapes.set(weight_tile(v), steps.depth / kPanelDepth, kTileBytes);
  RowTiles row_tiles(g);
  for (size_t i = 0; i < g.m;) {
    const RowTiles::Tile first = row_tiles.next(), second = row_tiles.next();
    const bool two_tiles = second.rows > 0;
    if (shapes.rows[input_tile(0)] != first.rows ||
        (two_tiles && shapes.rows[input_tile(1)] != second.rows)) {
      for (int r = 0; r < 2; ++r) {
        const int rows = r == 1 && two_tiles ? second.rows : first.rows;
        shapes.set(input_tile(r), rows, steps.depth);
        for (int v = 0; v < 2; ++v) shapes.set(sum_tile(r, v), rows, kTileBytes);
      }
      configure_tiles(shapes);
    }

    // The sums begin with the bias, the same for all rows.
    load_tile<sum_tile(0, 0)>(bias[0], 0);
    load_tile<sum_tile(1, 0)>(bias[0], 0);
    if (two_panels) {
      load_tile<sum_tile(0, 1)>(bias[1], 0);
      load_tile<sum_tile(1, 1)>(bias[1], 0);
    }
    add_products(g, steps, first, second, b, two_panels);
    alignas(kTileBytes) Sums sums;
    store_tile<sum_tile(0, 0)>(sums[0], sizeof sums[0]);
    store_tile<sum_tile(1, 0)>(sums[first.rows], sizeof sums[0]);
    if (two_panels) {
      store_tile<sum_tile(0, 1)>(sums[0] + kPanelOutputs, sizeof sums[0]);
      store_tile<sum_tile(1, 1)>(sums[first.rows] + kPanelOutputs, sizeof sums[0]);
    }

    const int rows = first.rows + second.rows;
    if (!plain)
      finish_sums(g, i, j, sums[0], rows, kSumStride, columns);
    else if (two_panels)
      store_rows<2>(g, i, j, sums, rows, columns);
    else
      store_rows<1>(g, i, j, sums, rows, columns);
    i += rows;
  }
}

}  // namespace

void gemm_i8_amx_int8_32x32(const GemmI8& g) {
  if (g.m == 0) return;
  const Steps steps(g.k);
  for (size_t j = 0; j < g.n; j += kColumns) {
    const size_t columns = g.n - j < kColumns ? g.n - j : kColumns;
    column_block(g, steps, j, static_cast<int>(columns));
  }
  release_tiles();
}

}  // namespace edgert
