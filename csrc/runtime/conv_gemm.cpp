#include "runtime/conv_gemm.h"

#include <algorithm>
#include <cstring>

namespace edgert {
namespace {

// Rows that lie a multiple of this apart share the few lines of one cache set.
constexpr size_t kConflictElements = 2048 / sizeof(float);

bool conflicts(size_t stride) { return stride != 0 && stride % kConflictElements == 0; }

}  // namespace

ConvGemm::ConvGemm(const ConvGeometry& geometry, IsaSet isa, int threads)
    : kernel_(&select_gemm_f32(isa)), g_(geometry), threads_(threads) {
  const bool pointwise = g_.kernel[0] * g_.kernel[1] * g_.strides[0] * g_.strides[1] == 1 &&
                         g_.pads[0] + g_.pads[1] == 0 && g_.out_height == g_.height &&
                         g_.out_width == g_.width;
  flat_ = pointwise || (g_.out_height == 1 && g_.height == 1 && g_.kernel[0] == 1);
  if (pointwise) {
    g_.width = g_.out_width = g_.batch * g_.height * g_.width;
    g_.batch = g_.height = g_.out_height = 1;
  }
  group_channels_ = g_.channels / g_.groups;
  group_outputs_ = g_.outputs / g_.groups;
  const size_t depth = g_.kernel[0] * g_.kernel[1] * group_channels_;
  panel_stride_ = depth * kPanelWidth;
  group_stride_ = panel_elements(group_outputs_, depth, 1);

  const auto reach = [&](int axis, size_t out) {  // input rows or columns under `out` outputs
    return (out - 1) * g_.strides[axis] + (g_.kernel[axis] - 1) * g_.dilations[axis] + 1;
  };
  const bool padded = g_.pads[0] > 0 || g_.pads[1] > 0 || reach(0, g_.out_height) > g_.height ||
                      reach(1, g_.out_width) > g_.width;
  copied_ = padded || (conflicts(g_.channels * g_.strides[1]) && group_outputs_ >= 64);
  choose_blocks(threads);
  if (copied_) {
    pixel_stride_ = group_channels_;
    if (conflicts(pixel_stride_ * g_.strides[1])) pixel_stride_ += kLineElements;
    row_stride_ = pixel_stride_ * reach(1, block_columns_);
  } else {
    pixel_stride_ = g_.channels;
    row_stride_ = pixel_stride_ * g_.width;
  }

  const bool merged = pixel_stride_ == group_channels_ && g_.dilations[1] == 1;
  segments_ = merged ? g_.kernel[0] : g_.kernel[0] * g_.kernel[1];
  segment_length_ = depth / segments_;
  for (size_t i = 0; i < g_.kernel[0]; ++i)
    for (size_t j = 0; j < (merged ? 1 : g_.kernel[1]); ++j)
      offsets_.push_back(i * g_.dilations[0] * row_stride_ + j * g_.dilations[1] * pixel_stride_);

  // A slice of the panel that stays in the first-level cache while the tiles of a task pass over
  // it.
  const size_t slice = cache_sizes().l1 / sizeof(float) / kernel_->nr;
  const bool reused = block_rows_ * block_columns_ > 2 * static_cast<size_t>(kernel_->mr);
  if (!reused || depth <= slice + slice / 2) {
    depth_.push_back({0, segments_, 0, segment_length_});
  } else if (segment_length_ <= slice + slice / 2) {
    const size_t count = std::max<size_t>(1, slice / segment_length_);
    for (size_t s = 0; s < segments_; s += count)
      depth_.push_back({s, std::min(count, segments_ - s), 0, segment_length_});
  } else {
    const size_t length = depth_piece(segment_length_, *kernel_);
    for (size_t s = 0; s < segments_; ++s)
      for (size_t p = 0; p < segment_length_; p += length)
        depth_.push_back({s, 1, p, std::min(length, segment_length_ - p)});
  }
}

// Splits the work so that a task's input stays in the second-level cache, and so that there are a
// few tasks per thread. Splitting the pixels reads the weights once per block, splitting the
// outputs reads the input once per block: whichever moves less.
void ConvGemm::choose_blocks(int threads) {
  const size_t mr = kernel_->mr, nr = kernel_->nr;
  const size_t budget = cache_sizes().l2 / 2;
  const size_t depth = g_.kernel[0] * g_.kernel[1] * group_channels_;
  const size_t images = g_.batch * g_.groups;
  // A unit is a tile's height of pixels if the pixels are flat, a row of them otherwise.
  const size_t units = std::max<size_t>(1, flat_ ? ceil_div(g_.out_width, mr) : g_.out_height);
  const size_t unit_pixels = flat_ ? mr : g_.out_width;
  const size_t unit_bytes =
      sizeof(float) * group_channels_ * (flat_ ? mr * g_.strides[1] : g_.width * g_.strides[0]);
  size_t unit_blocks = std::clamp<size_t>(ceil_div(units * unit_bytes, budget), 1, units);
  size_t output_blocks = 1;

  const double macs = static_cast<double>(images) * units * unit_pixels * depth * group_outputs_;
  size_t tasks = threads == 1 ? 1 : static_cast<size_t>(threads) * 4;
  tasks = std::min<size_t>(tasks, static_cast<size_t>(macs / kTaskMacs) + 1);
  const size_t wanted = ceil_div(tasks, std::max<size_t>(1, images));
  if (wanted > unit_blocks) {
    const size_t by_units = std::min(units, wanted);
    const size_t by_outputs =
        std::min(std::max<size_t>(1, ceil_div(group_outputs_, nr)), ceil_div(wanted, unit_blocks));
    const double weights = sizeof(float) * static_cast<double>(depth) * group_outputs_;
    const double input = static_cast<double>(units) * unit_bytes * (copied_ ? 2 : 1);
    if (by_units * 2 > wanted && weights * by_units <= weights * unit_blocks + input * by_outputs)
      unit_blocks = by_units;
    else
      output_blocks = by_outputs;
  }
  const size_t block_units = ceil_div(units, unit_blocks);
  block_rows_ = flat_ ? 1 : block_units;
  block_columns_ = flat_ ? block_units * mr : g_.out_width;
  block_outputs_ = std::max(nr, round_up(ceil_div(group_outputs_, output_blocks), nr));
  row_blocks_ = ceil_div(g_.out_height, block_rows_);
  column_blocks_ = ceil_div(g_.out_width, block_columns_);
  output_blocks_ = ceil_div(group_outputs_, block_outputs_);
}

size_t ConvGemm::scratch_bytes() const {
  if (!copied_) return 0;
  const size_t rows = (block_rows_ - 1) * g_.strides[0] + (g_.kernel[0] - 1) * g_.dilations[0] + 1;
  return threads_ * round_up(rows * row_stride_ * sizeof(float), kAlignment);
}

void ConvGemm::run(const ConvOperands& operands, std::byte* scratch, ThreadPool& pool) const {
  const size_t tasks = g_.batch * g_.groups * row_blocks_ * column_blocks_ * output_blocks_;
  const size_t window_bytes = scratch_bytes() / threads_;
  pool.parallel_for(tasks, [&](size_t task, int thread) {
    run_task(operands, task, reinterpret_cast<float*>(scratch + thread * window_bytes));
  });
}

void ConvGemm::run_alone(const ConvOperands& operands, std::byte* scratch) const {
  const size_t tasks = g_.batch * g_.groups * row_blocks_ * column_blocks_ * output_blocks_;
  for (size_t task = 0; task < tasks; ++task)
    run_task(operands, task, reinterpret_cast<float*>(scratch));
}

void ConvGemm::run_task(const ConvOperands& operands, size_t task, float* window) const {
  const auto next = [&task](size_t count) {
    const size_t index = task % count;
    task /= count;
    return index;
  };
  const size_t first_output = next(output_blocks_) * block_outputs_;
  const size_t column = next(column_blocks_) * block_columns_;
  const size_t row = next(row_blocks_) * block_rows_;
  const size_t image = next(g_.batch);
  const size_t group = task;
  const size_t rows = std::min(block_rows_, g_.out_height - row);
  const size_t columns = std::min(block_columns_, g_.out_width - column);
  const size_t outputs = std::min(block_outputs_, group_outputs_ - first_output);

  const float* a;
  if (copied_) {
    copy_window(operands.x, group, image, row, column, rows, columns, window);
    a = window;
  } else {
    a = operands.x +
        ((image * g_.height + row * g_.strides[0]) * g_.width + column * g_.strides[1]) *
            g_.channels +
        group * group_channels_;
  }
  const size_t channel = group * group_outputs_ + first_output;
  const size_t out = ((image * g_.out_height + row) * g_.out_width + column) * g_.outputs + channel;
  const float* const panels = operands.panels + group * group_stride_;
  const size_t nr = kernel_->nr;
  const Activation none = {};
  for (size_t j = 0; j < outputs; j += nr) {
    const size_t o = first_output + j;
    const float* const panel = panels + o / kPanelWidth * panel_stride_ + o % kPanelWidth;
    for (const DepthBlock& block : depth_) {
      const bool first = &block == &depth_.front(), last = &block == &depth_.back();
      const auto slice = [&](const DepthBlock& part) {
        return panel + (part.segment * segment_length_ + part.begin) * kPanelWidth;
      };
      const float* const next_slice = !last ? slice(*(&block + 1))
                                      : j + nr < outputs
                                          ? panel + ceil_div(nr, kPanelWidth) * panel_stride_
                                          : nullptr;
      const size_t tiles = ceil_div(columns, kernel_->mr);
      for (size_t r = 0; r < rows; ++r) {
        const size_t at = out + r * g_.out_width * g_.outputs + j;
        GemmF32 gemm;
        gemm.m = columns;
        gemm.n = std::min(nr, outputs - j);
        gemm.k = block.length;
        gemm.segments = block.segments;
        gemm.a = a + r * g_.strides[0] * row_stride_ + block.begin;
        gemm.a_stride = g_.strides[1] * pixel_stride_;
        gemm.a_offsets = offsets_.data() + block.segment;
        gemm.b = slice(block);
        gemm.b_panel_stride = panel_stride_;
        gemm.c = operands.y + at;
        gemm.c_stride = g_.outputs;
        gemm.bias = operands.bias && first ? operands.bias + channel + j : nullptr;
        gemm.residual = operands.residual && first ? operands.residual + at : nullptr;
        gemm.residual_stride = g_.outputs;
        gemm.accumulate = !first;
        gemm.activation = last ? operands.activation : none;
        gemm.prefetch = next_slice;
        gemm.prefetched = r * tiles;
        kernel_->run(gemm);
      }
    }
  }
}

// Copies the input under a block of outputs, zeros where it reaches beyond the image.
void ConvGemm::copy_window(const float* x, size_t group, size_t image, size_t row, size_t column,
                           size_t rows, size_t columns, float* window) const {
  const auto reach = [&](int axis, size_t out) {
    return (out - 1) * g_.strides[axis] + (g_.kernel[axis] - 1) * g_.dilations[axis] + 1;
  };
  // The columns of the window that lie in the image: [left, right).
  const size_t width = reach(1, columns);
  const size_t x0 = column * g_.strides[1];  // of the padded image
  const size_t left = std::min(width, g_.pads[1] > x0 ? g_.pads[1] - x0 : 0);
  const size_t image_end = g_.pads[1] + g_.width;
  const size_t right = std::max(left, std::min(width, image_end > x0 ? image_end - x0 : 0));
  const bool whole = pixel_stride_ == g_.channels;  // a row of pixels is one piece of memory
  for (size_t r = 0; r < reach(0, rows); ++r) {
    float* const to = window + r * row_stride_;
    const size_t y = row * g_.strides[0] + r;
    if (y < g_.pads[0] || y >= g_.pads[0] + g_.height) {
      std::memset(to, 0, width * pixel_stride_ * sizeof(float));
      continue;
    }
    std::memset(to, 0, left * pixel_stride_ * sizeof(float));
    if (right > left) {
      const float* const from =
          x +
          ((image * g_.height + y - g_.pads[0]) * g_.width + x0 + left - g_.pads[1]) * g_.channels +
          group * group_channels_;
      if (whole) {
        std::memcpy(to + left * pixel_stride_, from, (right - left) * g_.channels * sizeof(float));
      } else {
        for (size_t p = 0; p < right - left; ++p)
          std::memcpy(to + (left + p) * pixel_stride_, from + p * g_.channels,
                      group_channels_ * sizeof(float));
      }
    }
    std::memset(to + right * pixel_stride_, 0, (width - right) * pixel_stride_ * sizeof(float));
  }
}

size_t spread_stride(size_t stride) { return conflicts(stride) ? stride + kLineElements : stride; }

size_t depth_piece(size_t depth, const GemmF32Kernel& kernel) {
  const size_t slice = cache_sizes().l1 / sizeof(float) / kernel.nr;
  if (depth <= slice + slice / 2) return depth;
  return round_up(ceil_div(depth, ceil_div(depth, slice)), 4);
}

size_t panel_elements(size_t n, size_t k, size_t groups) {
  return groups * round_up(n / groups, kPanelWidth) * k;
}

void pack_panels(const float* w, size_t n, size_t k, size_t row_stride, size_t column_stride,
                 float* panels) {
  for (size_t j = 0; j < n; j += kPanelWidth) {
    const size_t columns = std::min<size_t>(kPanelWidth, n - j);
    for (size_t p = 0; p < k; ++p, panels += kPanelWidth) {
      for (size_t c = 0; c < columns; ++c) panels[c] = w[(j + c) * row_stride + p * column_stride];
      for (size_t c = columns; c < kPanelWidth; ++c) panels[c] = 0;
    }
  }
}

}  // namespace edgert
