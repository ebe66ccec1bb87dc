// 3x3 convolution of stride 1 of u8 by i8 by Winograd's F(2x2, 3x3), for CPUs that multiply bytes
// no faster than words. kernels/winograd_i8 states formula and bounds; the bits are those of
// ConvGemmI8.
#pragma once

#include <cstddef>

#include "kernels/winograd_i8/winograd_i8.h"
#include "runtime/conv_gemm_i8.h"
#include "runtime/winograd_blocks.h"

namespace edgert {

class ConvWinogradI8 {
 public:
  // Whether this way is there, exact, and faster than ConvGemmI8.
  static bool suits(const ConvGeometry& geometry, IsaSet isa);

  // `panels`: the weights in layout k4n16, not used after this. Precondition: the method applies to
  // the geometry, `isa` has a kernel, and there are at most kWinogradMaxChannels channels.
  ConvWinogradI8(const ConvGeometry& geometry, const int8_t* panels, IsaSet isa, int threads);

  const char* kernel() const { return kernel_->name; }
  size_t scratch_bytes() const { return threads_ * blocks_.task_bytes(); }
  size_t weight_bytes() const { return matrices_.bytes(); }
  // operands.dynamic must be null.
  void run(const ConvOperandsI8& operands, std::byte* scratch, ThreadPool& pool) const;

 private:
  void run_task(const ConvOperandsI8& operands, size_t index, std::byte* scratch) const;

  const WinogradI8Kernel* kernel_;
  ConvGeometry g_;
  WinogradBlocks blocks_;
  size_t threads_;
  size_t channel_blocks_;  // of four
  size_t point_stride_;    // elements of the matrix of one point and 16 outputs
  Buffer matrices_;        // 16 points for 16 outputs after the other
};

// The step of a qconv that suits.
Step bind_winograd_i8(const BindContext& context, const ConvGeometry& geometry, uint8_t x_zero,
                      AccumulatorOutput out);

}  // namespace edgert
