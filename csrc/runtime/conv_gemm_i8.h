// Convolution of u8 by i8 as matrix multiplications.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "core/memory.h"
#include "core/threads.h"
#include "kernels/gemm_i8/gemm_i8.h"
#include "runtime/conv_tasks.h"
#include "runtime/op.h"
#include "runtime/quantized.h"

namespace edgert {

// The weights of a quantised convolution or matrix product in layout k4n16.
class PanelsI8 {
 public:
  // `w`: a constant [outputs, taps..., channels] in layout k4n16 or, for groups whose outputs do
  // not fill panels, in rows, which are packed here.
  PanelsI8(const Tensor& w, size_t groups);

  const int8_t* data() const { return data_; }
  size_t group_stride() const { return group_stride_; }  // bytes between the panels of the groups
  size_t panel_stride() const { return panel_stride_; }
  // How the weights fit if a segment has so many blocks of four. Reads them all.
  WeightFit fit(size_t segment_blocks) const;
  // The negative sum of the weights of each output, modulo 2^32.
  std::vector<int32_t> minus_sums() const;
  size_t private_bytes() const { return packed_.bytes(); }

 private:
  Buffer packed_;
  const int8_t* data_;
  size_t groups_, outputs_;  // of a group
  size_t group_stride_, panel_stride_;
};

struct ConvOperandsI8 {
  const uint8_t* x;                        // [batch, height, width, channels]
  uint8_t x_zero;                          // what the pads hold
  void* y;                                 // [batch, out_height, out_width, outputs] of u8 or f32
  AccumulatorOutput out;                   // of all outputs and pixels
  const DynamicOutput* dynamic = nullptr;  // as in GemmI8
};

class ConvGemmI8 {
 public:
  ConvGemmI8(const ConvGeometry& geometry, const Tensor& w, IsaSet isa, int threads);

  const char* kernel() const { return kernel_->name; }
  size_t scratch_bytes() const { return threads_ * tasks_.window_bytes(); }
  size_t weight_bytes() const { return panels_.private_bytes(); }
  const PanelsI8& panels() const { return panels_; }
  void run(const ConvOperandsI8& operands, std::byte* scratch, ThreadPool& pool) const;
  // The parts of run(), in any order; `window` has window_bytes().
  size_t tasks() const { return tasks_.count(); }
  size_t window_bytes() const { return tasks_.window_bytes(); }
  void run_task(const ConvOperandsI8& operands, size_t index, std::byte* window) const;

 private:
  PanelsI8 panels_;
  const GemmI8Kernel* kernel_;
  ConvTasks tasks_;
  size_t threads_;
};

// The step of qconv or qgemm that a ConvGemmI8, or what has its functions, runs.
template <typename Conv>
Step conv_step_i8(const BindContext& context, std::shared_ptr<const Conv> conv, uint8_t x_zero,
                  const AccumulatorOutput& out) {
  const AccumulatorTensors t(context);
  Step step;
  step.kernel = conv->kernel();
  step.scratch_bytes = conv->scratch_bytes();
  step.weight_bytes = conv->weight_bytes();
  step.run = [=](const RunContext& run) {
    conv->run({run.tensor<uint8_t>(t.x), x_zero, run.tensor<void>(t.y), t.bound(out, run)},
              run.scratch(), run.pool());
  };
  return step;
}

// The step of qgemm, and of qconv but for depthwise ones.
Step bind_gemm_i8(const BindContext& context, const ConvGeometry& geometry, uint8_t x_zero,
                  AccumulatorOutput out);

}  // namespace edgert
