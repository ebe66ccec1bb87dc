#include "runtime/conv_gemm.h"

#include <algorithm>

#include "core/memory.h"

namespace edgert {

ConvTile tile_of(const GemmF32Kernel& kernel) {
  return {kernel.isa, static_cast<size_t>(kernel.mr), static_cast<size_t>(kernel.nr), sizeof(float),
          1};
}

ConvGemm::ConvGemm(const ConvGeometry& geometry, IsaSet isa, int threads)
    : kernel_(&select_gemm_f32(isa)),
      tasks_(geometry, tile_of(*kernel_), threads),
      threads_(threads) {
  const size_t segments = tasks_.offsets().size(), length = tasks_.segment_length();
  const size_t depth = segments * length;
  panel_stride_ = depth * kPanelWidth;
  group_stride_ = panel_elements(tasks_.group_outputs(), depth, 1);

  // A slice of the panel that stays in the first-level cache while the tiles of a task pass over
  // it.
  const size_t slice = cache_sizes().l1 / sizeof(float) / kernel_->nr;
  const bool reused = tasks_.rows_per_panel() > 2 * static_cast<size_t>(kernel_->mr);
  if (!reused || depth <= slice + slice / 2) {
    depth_.push_back({0, segments, 0, length});
  } else if (length <= slice + slice / 2) {
    const size_t count = std::max<size_t>(1, slice / length);
    for (size_t s = 0; s < segments; s += count)
      depth_.push_back({s, std::min(count, segments - s), 0, length});
  } else {
    const size_t piece = depth_piece(length, *kernel_);
    for (size_t s = 0; s < segments; ++s)
      for (size_t p = 0; p < length; p += piece)
        depth_.push_back({s, 1, p, std::min(piece, length - p)});
  }
}

size_t ConvGemm::scratch_bytes() const { return threads_ * tasks_.window_bytes(); }

void ConvGemm::run(const ConvOperands& operands, std::byte* scratch, ThreadPool& pool) const {
  pool.parallel_for(tasks_.count(), [&](size_t task, int thread) {
    run_task(operands, task, scratch + thread * tasks_.window_bytes());
  });
}

void ConvGemm::run_alone(const ConvOperands& operands, std::byte* scratch) const {
  for (size_t task = 0; task < tasks_.count(); ++task) run_task(operands, task, scratch);
}

void ConvGemm::run_task(const ConvOperands& operands, size_t index, std::byte* window) const {
  const ConvTasks::Task task = tasks_.task(index);
  const std::byte* const input =
      tasks_.input(task, reinterpret_cast<const std::byte*>(operands.x), 0, window);
  const float* const a = reinterpret_cast<const float*>(input);
  const ConvGeometry& g = tasks_.geometry();
  const size_t channel = tasks_.channel(task), out = tasks_.output(task);
  const size_t segment_length = tasks_.segment_length();
  const float* const panels = operands.panels + task.group * group_stride_;
  const size_t nr = kernel_->nr;
  const Activation none = {};
  for (size_t j = 0; j < task.outputs; j += nr) {
    const size_t o = task.first_output + j;
    const float* const panel = panels + o / kPanelWidth * panel_stride_ + o % kPanelWidth;
    for (const DepthBlock& block : depth_) {
      const bool first = &block == &depth_.front(), last = &block == &depth_.back();
      const auto slice = [&](const DepthBlock& part) {
        return panel + (part.segment * segment_length + part.begin) * kPanelWidth;
      };
      const float* const next_slice = !last ? slice(*(&block + 1))
                                      : j + nr < task.outputs
                                          ? panel + ceil_div(nr, kPanelWidth) * panel_stride_
                                          : nullptr;
      const size_t tiles = ceil_div(task.columns, kernel_->mr);
      for (size_t r = 0; r < task.rows; ++r) {
        const size_t at = out + r * g.out_row + j;
        GemmF32 gemm;
        gemm.m = task.columns;
        gemm.n = std::min(nr, task.outputs - j);
        gemm.k = block.length;
        gemm.segments = block.segments;
        gemm.a = a + r * tasks_.row_step() + block.begin;
        gemm.a_stride = tasks_.pixel_step();
        gemm.a_offsets = tasks_.offsets().data() + block.segment;
        gemm.b = slice(block);
        gemm.b_panel_stride = panel_stride_;
        gemm.c = operands.y + at;
        gemm.c_stride = g.out_pixel;
        gemm.bias = operands.bias && first ? operands.bias + channel + j : nullptr;
        gemm.residual = operands.residual && first ? operands.residual + at : nullptr;
        gemm.residual_stride = g.out_pixel;
        gemm.accumulate = !first;
        gemm.activation = last ? operands.activation : none;
        gemm.prefetch = next_slice;
        gemm.prefetched = r * tiles;
        kernel_->run(gemm);
      }
    }
  }
}

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
