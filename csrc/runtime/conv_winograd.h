// 3x3 convolution of stride 1 by Winograd's F(2x2, 3x3): the input and the weights are transformed,
// multiplied as 16 matrices, and transformed back. kernels/winograd_f32 states formula and error.
#pragma once

#include <cstddef>

#include "kernels/winograd_f32/winograd_f32.h"
#include "runtime/conv_gemm.h"
#include "runtime/winograd_blocks.h"

namespace edgert {

class ConvWinograd {
 public:
  // Whether this way is there and pays for the geometry. The answer depends on one image alone:
  // results are the same on every CPU, for any number of threads and images.
  static bool suits(const ConvGeometry& geometry);
  ConvWinograd(const ConvGeometry& geometry, IsaSet isa, int threads);

  const char* kernel() const { return winograd_->name; }
  size_t weight_elements() const;
  // From weights in layout k1n16 to the 16 matrices that run() takes in their place.
  void transform_weights(const float* panels, float* matrices) const;
  size_t scratch_bytes() const;
  // operands.panels: the transformed weights.
  void run(const ConvOperands& operands, std::byte* scratch, ThreadPool& pool) const;

 private:
  void run_task(const ConvOperands& operands, size_t task, std::byte* scratch) const;
  void multiply(const float* v, const float* panel, size_t tiles, size_t outputs, float* m,
                const float* next) const;

  const GemmF32Kernel* gemm_;
  const WinogradF32Kernel* winograd_;
  ConvGeometry g_;
  WinogradBlocks blocks_;
  size_t threads_;
  size_t panel_stride_;  // of 16 outputs: their matrices one after the other
};

}  // namespace edgert
