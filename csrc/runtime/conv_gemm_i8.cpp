#include "runtime/conv_gemm_i8.h"

#include <algorithm>
#include <cstring>

namespace edgert {
namespace {

constexpr size_t kBlock = kPanelOutputs * kPanelDepth;  // of a panel: bytes for each output

// One group's rows [outputs][taps][channels] to panels filled up with zeros.
void pack_panels(const int8_t* w, size_t outputs, size_t taps, size_t channels, int8_t* panels) {
  const size_t steps = ceil_div(channels, kPanelDepth);
  for (size_t o = 0; o < outputs; ++o)
    for (size_t t = 0; t < taps; ++t)
      for (size_t c = 0; c < channels; ++c)
        panels[((o / kPanelOutputs * taps + t) * steps + c / kPanelDepth) * kBlock +
               o % kPanelOutputs * kPanelDepth + c % kPanelDepth] =
            w[(o * taps + t) * channels + c];
}

// Tasks begin with whole panels.
ConvTile tile_of(const GemmI8Kernel& kernel) {
  return {kernel.isa,  static_cast<size_t>(kernel.mr), round_up(kernel.nr, kPanelOutputs), 1,
          kPanelDepth, kernel.mr > kFreeRows};
}

const GemmI8Kernel& choose(const PanelsI8& panels, const ConvGeometry& geometry, IsaSet isa) {
  const GemmI8Kernel& best = select_gemm_i8(isa, WeightFit::kQuads);
  if (best.needs == WeightFit::kAny) return best;
  const size_t segment = ConvTasks(geometry, tile_of(best), 1).segment_length();
  return select_gemm_i8(isa, panels.fit(ceil_div(segment, kPanelDepth)));
}

typedef int8_t Bytes __attribute__((vector_size(16)));
typedef int16_t Words __attribute__((vector_size(16)));

Words load_pair_sums(const int8_t* p, bool positive) {
  Bytes bytes;
  std::memcpy(&bytes, p, sizeof bytes);
  const Bytes part = positive ? (bytes > 0 ? bytes : Bytes{}) : (bytes < 0 ? bytes : Bytes{});
  const Words words = (Words)part;
  const Words sums = ((words << 8) >> 8) + (words >> 8);
  return positive ? sums : -sums;
}

}  // namespace

PanelsI8::PanelsI8(const Tensor& w, size_t groups)
    : data_(reinterpret_cast<const int8_t*>(w.data)),
      groups_(groups),
      outputs_(static_cast<size_t>(w.type.shape[0]) / groups) {
  const Shape& shape = w.type.shape;
  const size_t taps = shape.elements(1, shape.rank - 1);
  const size_t channels = static_cast<size_t>(shape[shape.rank - 1]);
  panel_stride_ = taps * ceil_div(channels, kPanelDepth) * kBlock;
  group_stride_ = ceil_div(outputs_, kPanelOutputs) * panel_stride_;
  if (w.layout == Layout::k4n16) return;
  packed_ = Buffer(groups * group_stride_);
  int8_t* const panels = reinterpret_cast<int8_t*>(packed_.data());
  std::memset(panels, 0, packed_.bytes());
  for (size_t g = 0; g < groups; ++g)
    pack_panels(data_ + g * outputs_ * taps * channels, outputs_, taps, channels,
                panels + g * group_stride_);
  data_ = panels;
}

WeightFit PanelsI8::fit(size_t segment_blocks) const {
  Words pairs = {}, quads = {};  // the largest sums
  const size_t blocks = groups_ * group_stride_ / kBlock;
  for (size_t i = 0; i < blocks; ++i) {
    const bool first = i % segment_blocks % 2 == 0;  // of two blocks that are added
    const bool both = first && i % segment_blocks + 1 < segment_blocks;
    const int8_t* const block = data_ + i * kBlock;
    for (size_t j = 0; j < kBlock; j += sizeof(Bytes))
      for (bool positive : {false, true}) {
        const Words sums = load_pair_sums(block + j, positive);
        pairs = sums > pairs ? sums : pairs;
        if (!both) continue;
        const Words four = sums + load_pair_sums(block + kBlock + j, positive);
        quads = four > quads ? four : quads;
      }
  }
  WeightFit fit = WeightFit::kQuads;
  for (size_t i = 0; i < sizeof(Words) / sizeof(int16_t); ++i) {
    if (pairs[i] > kMaxFit) return WeightFit::kAny;
    if (quads[i] > kMaxFit) fit = WeightFit::kPairs;
  }
  return fit;
}

std::vector<int32_t> PanelsI8::minus_sums() const {
  std::vector<int32_t> sums(groups_ * outputs_);
  for (size_t o = 0; o < sums.size(); ++o) {
    const size_t j = o % outputs_;  // of the group
    const int8_t* const panel =
        data_ + o / outputs_ * group_stride_ + j / kPanelOutputs * panel_stride_;
    uint32_t sum = 0;
    for (size_t at = j % kPanelOutputs * kPanelDepth; at < panel_stride_; at += kBlock)
      for (size_t p = 0; p < kPanelDepth; ++p) sum += static_cast<uint32_t>(int{panel[at + p]});
    sums[o] = static_cast<int32_t>(-sum);
  }
  return sums;
}

ConvGemmI8::ConvGemmI8(const ConvGeometry& geometry, const Tensor& w, IsaSet isa, int threads)
    : panels_(w, geometry.groups),
      kernel_(&choose(panels_, geometry, isa)),
      tasks_(geometry, tile_of(*kernel_), threads),
      threads_(static_cast<size_t>(threads)) {}

void ConvGemmI8::run(const ConvOperandsI8& operands, std::byte* scratch, ThreadPool& pool) const {
  pool.parallel_for(tasks_.count(), [&](size_t task, int thread) {
    run_task(operands, task, scratch + thread * tasks_.window_bytes());
  });
}

void ConvGemmI8::run_task(const ConvOperandsI8& operands, size_t index, std::byte* window) const {
  const ConvTasks::Task task = tasks_.task(index);
  const std::byte* const input =
      tasks_.input(task, reinterpret_cast<const std::byte*>(operands.x), operands.x_zero, window);
  const ConvGeometry& g = tasks_.geometry();
  const size_t channel = tasks_.channel(task), out = tasks_.output(task);
  const size_t element = output_bytes(operands.out.output);
  // Rows of pixels without gaps between them in the output are one call of the kernel.
  const size_t together = g.out_row == task.columns * g.out_pixel ? task.rows : 1;
  for (size_t r = 0; r < task.rows; r += together) {
    const size_t at = out + r * g.out_row;
    GemmI8 gemm;
    gemm.m = together * task.columns;
    gemm.n = task.outputs;
    gemm.k = tasks_.segment_length();
    gemm.segments = tasks_.offsets().size();
    gemm.a = reinterpret_cast<const uint8_t*>(input) + r * tasks_.row_step();
    gemm.run = tasks_.row_step() == task.columns * tasks_.pixel_step() ? gemm.m : task.columns;
    gemm.a_run_stride = tasks_.row_step();
    gemm.a_stride = tasks_.pixel_step();
    gemm.a_offsets = tasks_.offsets().data();
    gemm.b = panels_.data() + task.group * panels_.group_stride() +
             task.first_output / kPanelOutputs * panels_.panel_stride();
    gemm.b_panel_stride = panels_.panel_stride();
    gemm.c = static_cast<std::byte*>(operands.y) + at * element;
    gemm.c_stride = g.out_pixel;
    gemm.out = part_of(operands.out, channel, at);
    DynamicOutput dynamic;
    gemm.dynamic = nullptr;
    if (operands.dynamic != nullptr) {
      dynamic = *operands.dynamic;
      dynamic.scales += at / g.outputs * dynamic.scale_step;
      if (dynamic.bias) dynamic.bias += channel;
      if (dynamic.residual) dynamic.residual += at;
      gemm.dynamic = &dynamic;
    }
    kernel_->run(gemm);
  }
}

Step bind_gemm_i8(const BindContext& context, const ConvGeometry& geometry, uint8_t x_zero,
                  AccumulatorOutput out) {
  out.small = has_small_results(
      context, geometry.kernel[0] * geometry.kernel[1] * geometry.channels / geometry.groups);
  const auto conv =
      std::make_shared<const ConvGemmI8>(geometry, *context.input(1), context.isa, context.threads);
  return conv_step_i8(context, conv, x_zero, out);
}

}  // namespace edgert
