#include "runtime/conv_gemm_i16.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "runtime/quantized.h"

namespace edgert {
namespace {

constexpr size_t kStep = kWideOutputs * kWideDepth;  // of a panel: elements

// One group's rows [outputs][taps][channels] to panels that are filled with zeros.
template <typename T>
void pack_panels(const T* w, size_t outputs, size_t taps, size_t channels, int16_t* panels) {
  const size_t steps = ceil_div(channels, kWideDepth);
  for (size_t o = 0; o < outputs; ++o)
    for (size_t t = 0; t < taps; ++t) {
      int16_t* const to =
          panels + (o / kWideOutputs * taps + t) * steps * kStep + o % kWideOutputs * kWideDepth;
      for (size_t c = 0; c < channels; ++c) to[c / kWideDepth * kStep + c % kWideDepth] = *w++;
    }
}

ConvTile tile_of(const GemmI16Kernel& kernel) {
  return {kernel.isa, static_cast<size_t>(kernel.mr), static_cast<size_t>(kernel.nr),
          sizeof(int16_t), kWideDepth};
}

size_t longest_chunk(const PanelsI16& panels) {
  const size_t steps = panels.steps();
  size_t parts = 1;
  while (parts < steps && !panels.fits(ceil_div(steps, parts))) parts += parts / 4 + 1;
  return std::max<size_t>(1, ceil_div(steps, parts));
}

}  // namespace

PanelsI16::PanelsI16(const Tensor& w, size_t groups)
    : data_(reinterpret_cast<const int16_t*>(w.data)), groups_(groups) {
  const Shape& shape = w.type.shape;
  const size_t outputs = static_cast<size_t>(shape[0]) / groups;
  const size_t taps = shape.elements(1, shape.rank - 1);
  const size_t channels = static_cast<size_t>(shape[shape.rank - 1]);
  panel_stride_ = taps * ceil_div(channels, kWideDepth) * kStep;
  group_stride_ = ceil_div(outputs, kWideOutputs) * panel_stride_;
  if (w.layout == Layout::k2n16) return;
  packed_ = Buffer(groups * group_stride_ * sizeof(int16_t));
  int16_t* const panels = reinterpret_cast<int16_t*>(packed_.data());
  std::memset(packed_.data(), 0, packed_.bytes());
  for (size_t g = 0; g < groups; ++g) {
    const size_t first = g * outputs * taps * channels;
    if (w.type.dtype == DType::i8)
      pack_panels(reinterpret_cast<const int8_t*>(w.data) + first, outputs, taps, channels,
                  panels + g * group_stride_);
    else
      pack_panels(data_ + first, outputs, taps, channels, panels + g * group_stride_);
  }
  data_ = panels;
}

size_t PanelsI16::steps() const { return panel_stride_ / kStep; }

bool PanelsI16::fits(size_t chunk) const {
  const size_t panels = panel_stride_ == 0 ? 0 : groups_ * group_stride_ / panel_stride_;
  for (size_t p = 0; p < panels; ++p)
    for (size_t first = 0; first < steps(); first += chunk) {
      const size_t last = std::min(first + chunk, steps());
      int32_t sums[kStep] = {};  // no more than can be told from too much
      for (size_t s = first; s < last; ++s) {
        const int16_t* const w = data_ + p * panel_stride_ + s * kStep;
        for (size_t i = 0; i < kStep; ++i)
          sums[i] = std::min(sums[i] + std::abs(int32_t{w[i]}), 1 << 17);
      }
      for (size_t i = 0; i < kStep; i += kWideDepth)
        if (sums[i] + sums[i + 1] > kMaxWeights) return false;
    }
  return true;
}

bool PanelsI16::are_narrow(const int32_t* bias, size_t outputs) const {
  for (size_t o = 0; o < outputs; ++o) {
    const size_t group = o / (outputs / groups_), own = o % (outputs / groups_);
    const int16_t* const w = data_ + group * group_stride_ + own / kWideOutputs * panel_stride_ +
                             own % kWideOutputs * kWideDepth;
    int64_t sum = 0;
    for (size_t s = 0; s < steps(); ++s)
      sum += std::abs(int32_t{w[s * kStep]}) + std::abs(int32_t{w[s * kStep + 1]});
    if (!is_narrow(sum, bias[o])) return false;
  }
  return true;
}

ConvGemmI16::ConvGemmI16(const ConvGeometry& geometry, const Tensor& w, const int32_t* bias,
                         IsaSet isa, int threads)
    : panels_(w, geometry.groups),
      kernel_(&select_gemm_i16(isa)),
      tasks_(geometry, tile_of(*kernel_), threads),
      chunk_(longest_chunk(panels_)),
      threads_(static_cast<size_t>(threads)),
      narrow_(bias && chunk_ >= panels_.steps() && panels_.are_narrow(bias, geometry.outputs)) {}

void ConvGemmI16::run(const int16_t* x, void* y, const AccumulatorOutput& out, std::byte* scratch,
                      ThreadPool& pool) const {
  pool.parallel_for(tasks_.count(), [&](size_t task, int thread) {
    run_task(x, y, out, task, scratch + thread * tasks_.window_bytes());
  });
}

void ConvGemmI16::run_task(const int16_t* x, void* y, const AccumulatorOutput& out, size_t index,
                           std::byte* window) const {
  const ConvTasks::Task task = tasks_.task(index);
  const std::byte* const input =
      tasks_.input(task, reinterpret_cast<const std::byte*>(x), 0, window);
  const ConvGeometry& g = tasks_.geometry();
  const size_t channel = tasks_.channel(task), first = tasks_.output(task);
  const size_t element = output_bytes(out.output);
  const size_t nr = kernel_->nr;
  for (size_t j = 0; j < task.outputs; j += nr)
    for (size_t r = 0; r < task.rows; ++r) {
      const size_t at = first + r * g.out_row + j;
      GemmI16 gemm;
      gemm.m = task.columns;
      gemm.n = std::min(nr, task.outputs - j);
      gemm.k = tasks_.segment_length();
      gemm.segments = tasks_.offsets().size();
      gemm.a = reinterpret_cast<const int16_t*>(input) + r * tasks_.row_step();
      gemm.a_stride = tasks_.pixel_step();
      gemm.a_offsets = tasks_.offsets().data();
      gemm.b = panels_.data() + task.group * panels_.group_stride() +
               (task.first_output + j) / kWideOutputs * panels_.panel_stride();
      gemm.b_panel_stride = panels_.panel_stride();
      gemm.chunk = chunk_;
      gemm.narrow = narrow_;
      gemm.c = static_cast<std::byte*>(y) + at * element;
      gemm.c_stride = g.out_pixel;
      gemm.out = part_of(out, channel + j, at);
      kernel_->run(gemm);
    }
}

Step bind_gemm_i16(const BindContext& context, const ConvGeometry& geometry,
                   AccumulatorOutput out) {
  require_weights_i16(context);
  const AccumulatorTensors t(context);
  const auto conv = std::make_shared<const ConvGemmI16>(
      geometry, *context.input(1), reinterpret_cast<const int32_t*>(context.input(2)->data),
      context.isa, context.threads);
  Step step;
  step.kernel = conv->kernel();
  step.scratch_bytes = conv->scratch_bytes();
  step.weight_bytes = conv->weight_bytes();
  step.run = [=](const RunContext& run) {
    conv->run(run.tensor<int16_t>(t.x), run.tensor<void>(t.y), t.bound(out, run), run.scratch(),
              run.pool());
  };
  return step;
}

void require_weights_i16(const BindContext& context) {
  const Tensor& w = *context.input(1);
  if (w.type.dtype != DType::i16) return;
  const int16_t* const data = reinterpret_cast<const int16_t*>(w.data);
  const size_t elements = *stored_bytes(w.type, w.layout) / sizeof(int16_t);
  int16_t least = 0;
  for (size_t i = 0; i < elements; ++i) least = std::min(least, data[i]);
  if (least == INT16_MIN)
    context.fail("WEIGHTS", "the weights contain -32768, expected -32767 to 32767");
}

}  // namespace edgert
