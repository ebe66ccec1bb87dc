// 3x3 convolution of stride 1 by Winograd's F(2x2, 3x3): the input and the weights are transformed,
// multiplied as 16 matrices, and transformed back. kernels/winograd_f32 states formula and error.
#pragma once

#include <cstddef>

#include "kernels/winograd_f32/winograd_f32.h"
#include "runtime/conv_gemm.h"

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
  // Neighbouring tiles in a row of an image.
  struct Run {
    size_t image, row, first, last;
    size_t at;  // of the first tile in its block
  };
  template <typename Body>
  void for_runs(size_t begin, size_t end, const Body& body) const;
  void choose_blocks(int threads);
  void run_task(const ConvOperands& operands, size_t task, float* scratch) const;
  void multiply(const float* v, const float* panel, size_t tiles, size_t outputs, float* m,
                const float* next) const;

  const GemmF32Kernel* gemm_;
  const WinogradF32Kernel* winograd_;
  ConvGeometry g_;
  size_t threads_;
  size_t tile_rows_, tile_columns_, tiles_;
  size_t panel_stride_;                 // of 16 outputs: their matrices one after the other
  size_t block_tiles_, block_outputs_;  // of a task
  size_t tile_blocks_, output_blocks_;
  size_t v_tile_, v_point_, m_point_;  // elements between tiles and between points
};

}  // namespace edgert
