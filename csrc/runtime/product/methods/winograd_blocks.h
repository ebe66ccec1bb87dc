// How a 3x3 convolution by Winograd's F(2x2, 3x3) is split: into tasks, each a range of tiles by a
// range of outputs, and tiles into runs that lie in one row of an image. Knows nothing of the
// elements but their size.
#pragma once

#include <algorithm>
#include <cstddef>

#include "core/memory.h"
#include "kernels/records/winograd.h"
#include "runtime/product/tasks.h"

namespace edgert {

class WinogradBlocks {
 public:
  // Whether the method applies, and an image has at least so many tiles.
  static bool applies(const ProductShape& shape, size_t least_tiles);

  // `tile`: what a kernel multiplies, transformed input by transformed weights.
  WinogradBlocks(const ProductShape& shape, const ProductTile& tile, int threads);

  struct Task {
    size_t first_tile, last_tile, first_output, last_output;
  };
  size_t count() const { return tile_blocks_ * output_blocks_; }
  Task task(size_t index) const;

  // Neighbouring tiles in a row of an image.
  struct Run {
    size_t image, row, first, last;
    size_t at;  // of the first tile in its task
  };
  template <typename Body>
  void for_runs(const Task& task, const Body& body) const {
    for (size_t t = task.first_tile; t < task.last_tile;) {
      const size_t row = t / tile_columns_, first = t % tile_columns_;
      const size_t last = std::min(tile_columns_, first + task.last_tile - t);
      body(Run{row / tile_rows_, row % tile_rows_, first, last, t - task.first_tile});
      t += last - first;
    }
  }

  // A task has memory for its transformed input v and for the sums m of the outputs of one tile:
  // elements between tiles and between points.
  size_t v_tile() const { return v_tile_; }
  size_t v_point() const { return v_point_; }
  size_t m_point() const { return m_point_; }
  uint64_t v_bytes() const { return uint64_t{kWinogradPoints} * v_point_ * tile_.element_bytes; }
  uint64_t task_bytes() const {
    return v_bytes() + uint64_t{kWinogradPoints} * m_point_ * kSumBytes;
  }

  // The record of a run's input; `v` is that of the task.
  template <typename X, typename V>
  WinogradInput<X, V> input(const Run& run, const X* x, V* v) const {
    return {g_.channels,
            x + run.image * g_.height * g_.width * g_.channels,
            g_.height,
            g_.width,
            {g_.pads[0], g_.pads[1]},
            run.row,
            run.first,
            run.last,
            v + run.at * v_tile_,
            v_point_,
            v_tile_};
  }

 private:
  static constexpr size_t kSumBytes = 4;  // of an element of m
  void choose_blocks(int threads);

  ProductShape g_;
  ProductTile tile_;
  size_t tile_rows_, tile_columns_, tiles_;
  size_t block_tiles_, block_outputs_;  // of a task
  size_t tile_blocks_, output_blocks_;
  size_t v_tile_, v_point_, m_point_;
};

}  // namespace edgert
