// Convolution in float32 as matrix multiplications.
#pragma once

#include <cstddef>
#include <vector>

#include "core/cpu.h"
#include "core/threads.h"
#include "kernels/gemm_f32/gemm_f32.h"
#include "runtime/conv_tasks.h"

namespace edgert {

struct ConvOperands {
  const float* x;         // [batch, height, width, channels]
  const float* panels;    // per group: the weights of its outputs in layout k1n16
  const float* bias;      // [outputs] or null
  const float* residual;  // of the output's shape, or null; may be y itself
  float* y;               // [batch, out_height, out_width, outputs]
  Activation activation;
};

ConvTile tile_of(const GemmF32Kernel& kernel);

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

  void run_task(const ConvOperands& operands, size_t task, std::byte* window) const;

  const GemmF32Kernel* kernel_;
  ConvTasks tasks_;
  size_t threads_;
  size_t panel_stride_, group_stride_;
  std::vector<DepthBlock> depth_;
};

// The size of the pieces into which a depth is cut so that the weights of a tile's columns stay in
// the first-level cache while tiles pass over them.
size_t depth_piece(size_t depth, const GemmF32Kernel& kernel);

// Elements of the panels of a weight [n, k] in `groups` groups.
size_t panel_elements(size_t n, size_t k, size_t groups);
// From rows ([n][k], `row_stride` and `column_stride` elements apart) to panels of one group.
void pack_panels(const float* w, size_t n, size_t k, size_t row_stride, size_t column_stride,
                 float* panels);

}  // namespace edgert
