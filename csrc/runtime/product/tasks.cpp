#include "runtime/product/tasks.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/cpu.h"
#include "core/memory.h"

namespace edgert {
namespace {

// Rows that lie a multiple of this apart share the few lines of one cache set.
constexpr size_t kConflictBytes = 2048;

bool conflicts(size_t stride_bytes) {
  return stride_bytes != 0 && stride_bytes % kConflictBytes == 0;
}

// `units` cut into blocks of `size`.
struct Blocks {
  size_t size;
  // What the thread that ends last has of the units: of seven blocks one of two threads has 4 / 7.
  double share;
};

// The blocks, at most `most_blocks`, with which the last of the threads ends first. There are
// `least_blocks`, and one per thread if possible.
Blocks even_blocks(size_t units, size_t most_blocks, size_t least_blocks, int threads) {
  const size_t count = static_cast<size_t>(threads);
  const size_t least = ceil_div(units, std::min(units, most_blocks));
  const size_t most = ceil_div(units, std::min(units, std::max(least_blocks, count)));
  size_t best = least, best_end = SIZE_MAX;
  for (size_t size = least; size <= std::max(least, most); ++size) {
    const size_t end = ceil_div(ceil_div(units, size), count) * size;
    if (end < best_end) {
      best_end = end;
      best = size;
    }
  }
  return {best, static_cast<double>(best_end) / static_cast<double>(units)};
}

}  // namespace

size_t ProductTile::depth_in_cache() const { return cache_sizes().l1 / element_bytes / columns; }

size_t ProductTile::depth_piece(size_t depth) const {
  const size_t slice = depth_in_cache();
  if (depth <= slice + slice / 2) return depth;
  return round_up(ceil_div(depth, ceil_div(depth, slice)), 4);
}

size_t spread_stride(size_t stride, size_t element_bytes) {
  return conflicts(stride * element_bytes) ? stride + kAlignment / element_bytes : stride;
}

ProductTasks::ProductTasks(const ProductShape& shape, const ProductTile& tile, int threads)
    : g_(shape), tile_(tile) {
  if (g_.out_pixel == 0) {
    g_.out_pixel = g_.outputs;
    g_.out_row = g_.out_width * g_.out_pixel;
    g_.out_image = g_.out_height * g_.out_row;
  }
  const bool even = g_.out_row == g_.out_width * g_.out_pixel &&  // all pixels are evenly spaced
                    g_.out_image == g_.out_height * g_.out_row;
  const bool pointwise = g_.kernel[0] * g_.kernel[1] * g_.strides[0] * g_.strides[1] == 1 &&
                         g_.pads[0] + g_.pads[1] + g_.skip[0] + g_.skip[1] == 0 &&
                         g_.out_height == g_.height && g_.out_width == g_.width && even;
  flat_ = pointwise || (g_.out_height == 1 && g_.height == 1 && g_.kernel[0] == 1);
  if (pointwise) {
    g_.width = g_.out_width = g_.batch * g_.height * g_.width;
    g_.batch = g_.height = g_.out_height = 1;
  }
  group_channels_ = g_.channels / g_.groups;
  group_outputs_ = g_.outputs / g_.groups;
  const size_t taps = g_.kernel[0] * g_.kernel[1];
  const size_t tap_length = tile_.tap_length;
  depth_ = taps * tap_length;

  const bool padded = g_.pads[0] > 0 || g_.pads[1] > 0 ||
                      g_.skip[0] + reach(0, g_.out_height) > g_.height ||
                      g_.skip[1] + reach(1, g_.out_width) > g_.width;
  const auto conflict = [&](size_t pixel) {
    return conflicts(pixel * g_.strides[1] * tile_.element_bytes);
  };
  // Taps that the panels fill up cannot be read as one segment where they lie.
  copied_ = padded || (taps > 1 && tap_length != group_channels_) ||
            (tile_.spread && conflict(g_.channels) && group_outputs_ >= 64);
  // Where rows of pixels are short, tiles would be, too.
  constexpr size_t kLeastOutputs = 128;  // or the copy costs what it saves
  patches_ = tile_.patches && copied_ && taps > 1 && tap_length == group_channels_ &&
             tap_length % 8 == 0 && group_outputs_ >= kLeastOutputs &&
             20 * g_.out_width < 17 * round_up(g_.out_width, tile_.rows);
  choose_blocks(threads);
  if (patches_) {
    pixel_stride_ = spread_stride(depth_, tile_.element_bytes);
    row_stride_ = pixel_stride_ * g_.out_width;
    segment_length_ = depth_;
    offsets_ = {0};
    return;
  }
  if (copied_) {
    pixel_stride_ = tap_length;
    if (tile_.spread && conflict(pixel_stride_)) pixel_stride_ += kAlignment / tile_.element_bytes;
    row_stride_ = pixel_stride_ * reach(1, block_columns_);
  } else {
    pixel_stride_ = g_.channels;
    row_stride_ = pixel_stride_ * g_.width;
  }

  const size_t tap = copied_ ? tap_length : group_channels_;
  const bool merged = pixel_stride_ == tap && g_.dilations[1] == 1;
  segment_length_ = merged ? g_.kernel[1] * tap : tap;
  for (size_t i = 0; i < g_.kernel[0]; ++i)
    for (size_t j = 0; j < (merged ? 1 : g_.kernel[1]); ++j)
      offsets_.push_back(i * g_.dilations[0] * row_stride_ + j * g_.dilations[1] * pixel_stride_);
}

size_t ProductTasks::reach(int axis, size_t out) const {
  return (out - 1) * g_.strides[axis] + (g_.kernel[axis] - 1) * g_.dilations[axis] + 1;
}

// Splits the work so that a task's input stays in the second-level cache, and so that there are a
// few tasks per thread. Where pixels are split every thread reads all weights, where outputs are
// all of the input: whichever way the last thread ends first.
void ProductTasks::choose_blocks(int threads) {
  const size_t mr = tile_.rows, nr = tile_.columns, bytes = tile_.element_bytes;
  const size_t budget = cache_sizes().l2 / 2;
  const size_t images = g_.batch * g_.groups;
  // A unit is a tile's height of pixels if the pixels are flat, a row of them otherwise.
  const size_t units = std::max<size_t>(1, flat_ ? ceil_div(g_.out_width, mr) : g_.out_height);
  const size_t unit_pixels = flat_ ? mr : g_.out_width;
  const size_t unit_bytes =
      patches_ ? bytes * depth_ * g_.out_width
               : bytes * group_channels_ * (flat_ ? mr * g_.strides[1] : g_.width * g_.strides[0]);
  const size_t unit_blocks = std::clamp<size_t>(ceil_div(units * unit_bytes, budget), 1, units);
  size_t block_units = ceil_div(units, unit_blocks), output_blocks = 1;

  const double macs = static_cast<double>(images) * units * unit_pixels * depth_ * group_outputs_;
  const double macs_tasks = macs / tile_.task_macs;
  // Blocks of outputs copy the same patches anew: no more than there are threads.
  size_t tasks = threads == 1 ? 1 : static_cast<size_t>(threads) * (patches_ ? 1 : 4);
  tasks = std::min<size_t>(tasks, static_cast<size_t>(macs_tasks) + 1);
  const size_t wanted = ceil_div(tasks, std::max<size_t>(1, images));
  if (wanted > unit_blocks) {
    const size_t columns = std::max<size_t>(1, ceil_div(group_outputs_, nr));
    const Blocks of_units = even_blocks(units, wanted, unit_blocks, threads);
    const Blocks of_columns = even_blocks(columns, ceil_div(wanted, unit_blocks), 1, threads);
    // What a thread computes, and reads that others do, too, in the time of tasks. The input counts
    // more: where outputs are split it comes from other threads' caches, here and in the next
    // layer.
    const double weights = bytes * static_cast<double>(depth_) * group_outputs_;
    const double input = static_cast<double>(units) * unit_bytes * (copied_ ? 2 : 1);
    constexpr double kTaskWeights = 32768, kTaskInput = 8192;
    if (of_units.share * macs_tasks + weights / kTaskWeights <=
        of_columns.share * macs_tasks + input / kTaskInput)
      block_units = of_units.size;
    else
      output_blocks = ceil_div(columns, of_columns.size);
  }
  // A run can be left between tasks alone, so none may be long.
  const double long_tasks = static_cast<double>(block_units) * unit_pixels * depth_ *
                            group_outputs_ / tile_.longest_macs();
  output_blocks = std::max(
      output_blocks, static_cast<size_t>(std::ceil(std::min<double>(long_tasks, group_outputs_))));
  block_rows_ = flat_ ? 1 : block_units;
  block_columns_ = flat_ ? block_units * mr : g_.out_width;
  block_outputs_ = std::max(nr, round_up(ceil_div(group_outputs_, output_blocks), nr));
  row_blocks_ = ceil_div(g_.out_height, block_rows_);
  column_blocks_ = ceil_div(g_.out_width, block_columns_);
  output_blocks_ = ceil_div(group_outputs_, block_outputs_);
}

uint64_t ProductTasks::window_bytes() const {
  if (!copied_) return 0;
  const uint64_t rows = patches_ ? block_rows_ : reach(0, block_rows_);
  return round_up64(rows * row_stride_ * tile_.element_bytes, kAlignment);
}

ProductTasks::Task ProductTasks::task(size_t index) const {
  const auto next = [&index](size_t count) {
    const size_t part = index % count;
    index /= count;
    return part;
  };
  Task task;
  task.first_output = next(output_blocks_) * block_outputs_;
  task.column = next(column_blocks_) * block_columns_;
  task.row = next(row_blocks_) * block_rows_;
  task.image = next(g_.batch);
  task.group = index;
  task.rows = std::min(block_rows_, g_.out_height - task.row);
  task.columns = std::min(block_columns_, g_.out_width - task.column);
  task.outputs = std::min(block_outputs_, group_outputs_ - task.first_output);
  return task;
}

const std::byte* ProductTasks::input(const Task& task, const std::byte* x, uint8_t pad,
                                     std::byte* window) const {
  if (copied_) {
    patches_ ? copy_patches(task, x, pad, window) : copy_window(task, x, pad, window);
    return window;
  }
  const size_t row = task.image * g_.height + g_.skip[0] + task.row * g_.strides[0];
  const size_t pixel = row * g_.width + g_.skip[1] + task.column * g_.strides[1];
  return x + (pixel * g_.channels + task.group * group_channels_) * tile_.element_bytes;
}

// Copies the input under a block of outputs, `pad` where it reaches beyond the image.
void ProductTasks::copy_window(const Task& task, const std::byte* x, uint8_t pad,
                               std::byte* window) const {
  const size_t bytes = tile_.element_bytes;
  // The columns of the window that lie in the image: [left, right).
  const size_t width = reach(1, task.columns);
  const size_t x0 = task.column * g_.strides[1];  // of the padded image
  const size_t left = std::min(width, g_.pads[1] > x0 ? g_.pads[1] - x0 : 0);
  const size_t image_end = g_.pads[1] + g_.width - g_.skip[1];
  const size_t right = std::max(left, std::min(width, image_end > x0 ? image_end - x0 : 0));
  const size_t pixel_bytes = pixel_stride_ * bytes, channel_bytes = group_channels_ * bytes;
  // Whether a row of pixels is one piece of memory.
  const bool whole = pixel_stride_ == g_.channels && group_channels_ == g_.channels;
  for (size_t r = 0; r < reach(0, task.rows); ++r) {
    std::byte* const to = window + r * row_stride_ * bytes;
    const size_t y = task.row * g_.strides[0] + r;
    if (y < g_.pads[0] || y >= g_.pads[0] + g_.height - g_.skip[0]) {
      std::memset(to, pad, width * pixel_bytes);
      continue;
    }
    std::memset(to, pad, left * pixel_bytes);
    if (right > left) {
      const size_t row = task.image * g_.height + g_.skip[0] + y - g_.pads[0];
      const size_t pixel = row * g_.width + g_.skip[1] + x0 + left - g_.pads[1];
      const std::byte* const from =
          x + (pixel * g_.channels + task.group * group_channels_) * bytes;
      if (whole) {
        std::memcpy(to + left * pixel_bytes, from, (right - left) * pixel_bytes);
      } else {
        for (size_t p = 0; p < right - left; ++p)
          std::memcpy(to + (left + p) * pixel_bytes, from + p * g_.channels * bytes, channel_bytes);
      }
    }
    std::memset(to + right * pixel_bytes, pad, (width - right) * pixel_bytes);
  }
}

// Copies what each pixel of a block of outputs sees, tap after tap.
void ProductTasks::copy_patches(const Task& task, const std::byte* x, uint8_t pad,
                                std::byte* window) const {
  const size_t bytes = tile_.element_bytes, tap_bytes = group_channels_ * bytes;
  for (size_t r = 0; r < task.rows; ++r)
    for (size_t c = 0; c < task.columns; ++c) {
      std::byte* to = window + (r * row_stride_ + c * pixel_stride_) * bytes;
      for (size_t i = 0; i < g_.kernel[0]; ++i)
        for (size_t j = 0; j < g_.kernel[1]; ++j, to += tap_bytes) {
          const size_t taps[] = {i, j}, pixel[] = {task.row + r, task.column + c};
          size_t at[2];  // of the padded image, then of the image
          bool inside = true;
          for (int axis : {0, 1}) {
            at[axis] = pixel[axis] * g_.strides[axis] + taps[axis] * g_.dilations[axis] +
                       g_.skip[axis] - g_.pads[axis];
            inside = inside && at[axis] < (axis == 0 ? g_.height : g_.width);
          }
          if (inside)
            std::memcpy(to,
                        x + (((task.image * g_.height + at[0]) * g_.width + at[1]) * g_.channels +
                             task.group * group_channels_) *
                                bytes,
                        tap_bytes);
          else
            std::memset(to, pad, tap_bytes);
        }
    }
}

}  // namespace edgert
