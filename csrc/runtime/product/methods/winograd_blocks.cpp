#include "runtime/product/methods/winograd_blocks.h"

#include <cmath>

#include "core/cpu.h"

namespace edgert {

bool WinogradBlocks::applies(const ProductShape& g, size_t least_tiles) {
  for (int i : {0, 1})
    if (g.kernel[i] != 3 || g.strides[i] != 1 || g.dilations[i] != 1 || g.skip[i] > 0) return false;
  const size_t tiles = ceil_div(g.out_height, kWinogradTile) * ceil_div(g.out_width, kWinogradTile);
  return g.groups == 1 && g.out_pixel == 0 && tiles >= least_tiles && g.out_height > 1 &&
         g.out_width > 1;
}

WinogradBlocks::WinogradBlocks(const ProductShape& shape, const ProductTile& tile, int threads)
    : g_(shape),
      tile_(tile),
      tile_rows_(ceil_div(g_.out_height, kWinogradTile)),
      tile_columns_(ceil_div(g_.out_width, kWinogradTile)),
      tiles_(g_.batch * tile_rows_ * tile_columns_) {
  choose_blocks(threads);
  const auto spread_lines = [](size_t elements, size_t element_bytes) {
    return spread_stride(round_up(elements, kAlignment / element_bytes), element_bytes);
  };
  v_tile_ = spread_stride(tile.tap_length, tile.element_bytes);
  v_point_ = spread_lines(block_tiles_ * v_tile_, tile.element_bytes);
  m_point_ = spread_lines(block_tiles_ * tile.columns, kSumBytes);
}

// Splits the work so that the transformed input of a task stays in the second-level cache, and so
// that there are a few tasks per thread. Splitting the outputs transforms the input once per block,
// which costs as much as two or three outputs; splitting the tiles reads the weights once per block
// and leaves each multiplication fewer rows to use them on.
void WinogradBlocks::choose_blocks(int threads) {
  const size_t mr = tile_.rows, nr = tile_.columns;
  const size_t tile_bytes = kWinogradPoints * g_.channels * tile_.element_bytes;
  const size_t most_tiles = std::max(4 * mr, cache_sizes().l2 / 2 / tile_bytes);
  size_t tile_blocks = std::max<size_t>(1, ceil_div(tiles_, most_tiles));

  const double macs = static_cast<double>(tiles_) * kWinogradPoints * g_.channels * g_.outputs;
  size_t tasks = threads == 1 ? 1 : static_cast<size_t>(threads) * 4;
  tasks = std::min(tasks, static_cast<size_t>(macs / tile_.task_macs) + 1);
  const auto output_blocks = [&](size_t least_outputs) {
    return std::min(ceil_div(g_.outputs, least_outputs), ceil_div(tasks, tile_blocks));
  };
  const size_t tiles_wanted = ceil_div(tasks, output_blocks(64));
  tile_blocks = std::max(tile_blocks, std::min(tiles_wanted, tiles_ / mr));
  block_tiles_ = ceil_div(tiles_, tile_blocks);
  // A run can be left between tasks alone, so none may be long.
  const double block_macs =
      static_cast<double>(block_tiles_) * kWinogradPoints * g_.channels * g_.outputs;
  const size_t blocks = std::max(output_blocks(nr),
                                 static_cast<size_t>(std::ceil(block_macs / tile_.longest_macs())));
  block_outputs_ = round_up(ceil_div(g_.outputs, blocks), nr);
  tile_blocks_ = tiles_ == 0 ? 0 : ceil_div(tiles_, block_tiles_);
  output_blocks_ = ceil_div(g_.outputs, block_outputs_);
}

WinogradBlocks::Task WinogradBlocks::task(size_t index) const {
  const size_t tile = index / output_blocks_ * block_tiles_;
  const size_t output = index % output_blocks_ * block_outputs_;
  return {tile, std::min(tile + block_tiles_, tiles_), output,
          std::min(output + block_outputs_, g_.outputs)};
}

}  // namespace edgert
