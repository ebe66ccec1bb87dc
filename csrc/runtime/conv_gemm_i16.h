// Convolution of i16 by i8 or i16 as matrix multiplications, and what depthwise ones need.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "core/memory.h"
#include "core/threads.h"
#include "kernels/gemm_i16/gemm_i16.h"
#include "runtime/conv_tasks.h"
#include "runtime/op.h"

namespace edgert {

// Whether 32 bits hold a sum of products with weights whose magnitudes add up to `weights`, and its
// bias, whatever the inputs are.
inline bool is_narrow(int64_t weights, int32_t bias) {
  return 32768 * weights + std::abs(int64_t{bias}) <= INT32_MAX;
}

// The weights of qconv or qgemm in layout k2n16.
class PanelsI16 {
 public:
  // `w`: a constant [outputs, taps..., channels] in layout k2n16, or in rows, which are packed
  // here.
  PanelsI16(const Tensor& w, size_t groups);

  const int16_t* data() const { return data_; }
  size_t group_stride() const { return group_stride_; }  // elements between the panels of groups
  size_t panel_stride() const { return panel_stride_; }
  // Whether the weights of any output in any `chunk` steps keep the bound of GemmI16.
  bool fits(size_t chunk) const;
  // Whether all sums are narrow with their biases, of which there are `outputs`.
  bool are_narrow(const int32_t* bias, size_t outputs) const;
  size_t steps() const;  // of a panel
  size_t private_bytes() const { return packed_.bytes(); }

 private:
  Buffer packed_;
  const int16_t* data_;
  size_t groups_, group_stride_, panel_stride_;
};

class ConvGemmI16 {
 public:
  // `bias` may be null: unknown.
  ConvGemmI16(const ConvGeometry& geometry, const Tensor& w, const int32_t* bias, IsaSet isa,
              int threads);

  const char* kernel() const { return kernel_->name; }
  size_t scratch_bytes() const { return threads_ * tasks_.window_bytes(); }
  size_t weight_bytes() const { return panels_.private_bytes(); }
  void run(const int16_t* x, void* y, const AccumulatorOutput& out, std::byte* scratch,
           ThreadPool& pool) const;

 private:
  void run_task(const int16_t* x, void* y, const AccumulatorOutput& out, size_t index,
                std::byte* window) const;

  PanelsI16 panels_;
  const GemmI16Kernel* kernel_;
  ConvTasks tasks_;
  size_t chunk_, threads_;
  bool narrow_;
};

// The step of qgemm, and of qconv but for depthwise ones, on i16.
Step bind_gemm_i16(const BindContext& context, const ConvGeometry& geometry, AccumulatorOutput out);

// Fails if a weight of i16 is -32768: two products with it and -32768 leave 32 bits.
void require_weights_i16(const BindContext& context);

}  // namespace edgert
