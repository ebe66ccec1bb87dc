// How a product is cut into multiplications of tiles: rows are output pixels, columns are output
// channels, the depth runs over the taps and the input channels. Splits the work into tasks; the
// kernel reads the taps where they lie, in the input itself or, for padding, in a copy of the few
// rows that a task needs. Knows nothing of the elements but their size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/product/shape.h"

namespace edgert {

// `stride` elements, or a cache line more if multiples of it crowd a few lines.
size_t spread_stride(size_t stride, size_t element_bytes);

// What a kernel multiplies.
struct ProductTile {
  size_t rows, columns;  // held in registers
  size_t element_bytes;  // of the input and the weights
  size_t tap_length;     // of the weights: the input channels, and what fills them up
  size_t task_macs;      // multiply-adds that are worth handing to a thread
  size_t macs_per_cycle;
  // Whether it is worth a copy of all that each pixel of the output sees, if rows of pixels are
  // shorter than tiles.
  bool patches = false;
  // Whether an input whose pixels crowd a few lines of the cache is copied.
  bool spread = true;

  // Elements of a depth whose weights for the columns of the tile stay in the first-level cache
  // while rows of tiles pass over them.
  size_t depth_in_cache() const;
  // The size of the pieces into which a depth is cut for that.
  size_t depth_piece(size_t depth) const;
  // What may pass until a run can be left: some milliseconds.
  double longest_macs() const { return 0x1p25 * static_cast<double>(macs_per_cycle); }
};

class ProductTasks {
 public:
  ProductTasks(const ProductShape& shape, const ProductTile& tile, int threads);

  struct Task {
    size_t group, image, row, column;  // the first pixel
    size_t rows, columns;              // pixels; those of a row are evenly spaced in the input
    size_t first_output, outputs;      // of the group
  };
  size_t count() const {
    return g_.batch * g_.groups * row_blocks_ * column_blocks_ * output_blocks_;
  }
  Task task(size_t index) const;

  uint64_t window_bytes() const;  // of the copy that a task may need
  // Where the first tap of the task's first pixel lies; `pad` is an element's byte, for the pads.
  const std::byte* input(const Task& task, const std::byte* x, uint8_t pad,
                         std::byte* window) const;
  // The first element of the task's output, or residual, in elements.
  size_t output(const Task& task) const {
    return task.image * g_.out_image + task.row * g_.out_row + task.column * g_.out_pixel +
           channel(task);
  }
  size_t channel(const Task& task) const {  // the first output channel
    return task.group * group_outputs_ + task.first_output;
  }

  const ProductShape& shape() const { return g_; }
  size_t group_channels() const { return group_channels_; }
  size_t group_outputs() const { return group_outputs_; }
  // Elements between what neighbouring pixels, and rows of pixels, of the output see.
  size_t pixel_step() const { return (patches_ ? 1 : g_.strides[1]) * pixel_stride_; }
  size_t row_step() const { return (patches_ ? 1 : g_.strides[0]) * row_stride_; }
  // The taps of a pixel are segments of `segment_length` elements at these distances.
  const std::vector<size_t>& offsets() const { return offsets_; }
  size_t segment_length() const { return segment_length_; }
  // Whether a segment is more than a tap.
  bool merges_taps() const { return segment_length_ > tile_.tap_length; }
  // The largest number of rows that one call of the kernel can have.
  size_t rows_per_panel() const { return block_rows_ * block_columns_; }

 private:
  void choose_blocks(int threads);
  size_t reach(int axis, size_t out) const;  // input rows or columns under `out` outputs
  void copy_window(const Task& task, const std::byte* x, uint8_t pad, std::byte* window) const;
  void copy_patches(const Task& task, const std::byte* x, uint8_t pad, std::byte* window) const;

  ProductShape g_;
  ProductTile tile_;
  bool flat_;     // one row of pixels that may be cut anywhere
  bool copied_;   // tasks work on a padded copy of their part of the input
  bool patches_;  // the copy has all taps of each pixel of the output in a row
  size_t group_channels_, group_outputs_, depth_;
  size_t pixel_stride_, row_stride_;  // elements, in the copy if copied_
  size_t segment_length_;
  std::vector<size_t> offsets_;
  size_t block_rows_, block_columns_, block_outputs_;  // output elements of a task
  size_t row_blocks_, column_blocks_, output_blocks_;
};

}  // namespace edgert
