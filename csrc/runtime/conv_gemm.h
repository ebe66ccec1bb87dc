// Convolution as a matrix multiplication: rows are output pixels, columns are output channels, the
// depth runs over the taps and the input channels. The kernel reads the taps where they lie, in the
// input itself or, for padding, in a copy of the few rows that a task needs.
#pragma once

#include <cstddef>
#include <vector>

#include "core/cpu.h"
#include "core/memory.h"
#include "core/threads.h"
#include "kernels/gemm_f32/gemm_f32.h"

namespace edgert {

struct ConvGeometry {
  size_t batch = 1, height = 1, width = 1, channels = 1;  // of the input
  size_t out_height = 1, out_width = 1, outputs = 1;
  size_t kernel[2] = {1, 1}, strides[2] = {1, 1}, dilations[2] = {1, 1};
  size_t pads[2] = {0, 0};  // above, to the left; below and to the right follow from the sizes
  size_t groups = 1;
};

struct ConvOperands {
  const float* x;         // [batch, height, width, channels]
  const float* panels;    // per group: the weights of its outputs in layout k1n16
  const float* bias;      // [outputs] or null
  const float* residual;  // of the output's shape, or null; may be y itself
  float* y;               // [batch, out_height, out_width, outputs]
  Activation activation;
};

class ConvGemm {
 public:
  ConvGemm(const ConvGeometry& geometry, IsaSet isa, int threads);

  const char* kernel() const { return kernel_->name; }
  size_t scratch_bytes() const;
  void run(const ConvOperands& operands, std::byte* scratch, ThreadPool& pool) const;
  // The same without a pool; `scratch` as for one thread.
  void run_alone(const ConvOperands& operands, std::byte* scratch) const;

 private:
  // A part of the depth: whole segments, or a piece of one.
  struct DepthBlock {
    size_t segment, segments, begin, length;
  };

  void choose_blocks(int threads);
  void run_task(const ConvOperands& operands, size_t task, float* window) const;
  void copy_window(const float* x, size_t group, size_t image, size_t row, size_t column,
                   size_t rows, size_t columns, float* window) const;

  const GemmF32Kernel* kernel_;
  ConvGeometry g_;
  size_t threads_;
  bool flat_;    // one row of pixels that may be cut anywhere
  bool copied_;  // tasks work on a padded copy of their part of the input
  size_t group_channels_, group_outputs_, panel_stride_, group_stride_;
  size_t pixel_stride_,
      row_stride_;  // elements between input pixels and rows, in the copy if copied_
  size_t segments_, segment_length_;
  std::vector<size_t> offsets_;  // of the segments
  std::vector<DepthBlock> depth_;
  size_t block_rows_, block_columns_, block_outputs_;  // output elements of a task
  size_t row_blocks_, column_blocks_, output_blocks_;
};

constexpr size_t kTaskMacs = 100000;  // what is worth handing to a thread: some microseconds
constexpr size_t kLineElements = kAlignment / sizeof(float);

// `stride`, or a little more if multiples of it crowd a few cache lines.
size_t spread_stride(size_t stride);
// The size of the pieces into which a depth is cut so that the weights of a tile's columns stay in
// the first-level cache while tiles pass over them.
size_t depth_piece(size_t depth, const GemmF32Kernel& kernel);

// Elements of the panels of a weight [n, k] in `groups` groups.
size_t panel_elements(size_t n, size_t k, size_t groups);
// From rows ([n][k], `row_stride` and `column_stride` elements apart) to panels of one group.
void pack_panels(const float* w, size_t n, size_t k, size_t row_stride, size_t column_stride,
                 float* panels);

}  // namespace edgert
