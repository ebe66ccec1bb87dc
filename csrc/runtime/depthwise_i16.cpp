#include "runtime/depthwise_i16.h"

#include <cstdlib>
#include <memory>

#include "kernels/dwconv_i16/dwconv_i16.h"
#include "runtime/conv_gemm_i16.h"
#include "runtime/depthwise.h"
#include "runtime/quantized.h"

namespace edgert {
namespace {

// Whether all sums have 32 bits; w is [taps][channels], `bias` null if it is unknown.
bool has_narrow_sums(const int16_t* w, size_t taps, size_t channels, const int32_t* bias) {
  for (size_t c = 0; c < channels; ++c) {
    int64_t sum = 0;
    for (size_t t = 0; t < taps; ++t) sum += std::abs(int32_t{w[t * channels + c]});
    if (bias == nullptr || !is_narrow(sum, bias[c])) return false;
  }
  return true;
}

}  // namespace

Step bind_depthwise_i16(const BindContext& context, const ConvGeometry& g,
                        const AccumulatorOutput& out) {
  require_weights_i16(context);
  const Tensor& weight = *context.input(1);
  const size_t taps = g.kernel[0] * g.kernel[1];
  std::shared_ptr<Buffer> widened;
  const int16_t* w = reinterpret_cast<const int16_t*>(weight.data);
  if (weight.type.dtype == DType::i8) {
    widened = std::make_shared<Buffer>(taps * g.channels * sizeof(int16_t));
    int16_t* const to = reinterpret_cast<int16_t*>(widened->data());
    for (size_t i = 0; i < taps * g.channels; ++i)
      to[i] = reinterpret_cast<const int8_t*>(weight.data)[i];
    w = to;
  }
  const bool narrow = has_narrow_sums(w, taps, g.channels,
                                      reinterpret_cast<const int32_t*>(context.input(2)->data));
  const DwconvI16Kernel& kernel = select_dwconv_i16(context.isa, narrow);
  const AccumulatorTensors t(context);
  const DepthwiseTasks tasks(g, static_cast<size_t>(kernel.block), context.threads);
  DwconvI16 base = {};
  set_geometry(g, &base);
  base.w = w;
  Step step;
  step.kernel = kernel.name;
  step.weight_bytes = widened ? widened->bytes() : 0;
  step.run = [=, owner = widened](const RunContext& run) {
    run.pool().parallel_for(tasks.count(), [&](size_t index, int) {
      const DepthwiseTasks::Task task = tasks.task(index);
      DwconvI16 d = base;
      d.channels = task.channels;
      d.x = run.tensor<int16_t>(t.x) + task.x;
      d.y = run.tensor<std::byte>(t.y) + task.y * output_bytes(out.output);
      d.w += task.channel;
      d.out = part_of(t.bound(out, run), task.channel, task.y);
      d.row_begin = task.row_begin;
      d.row_end = task.row_end;
      kernel.run(d);
    });
  };
  return step;
}

}  // namespace edgert
