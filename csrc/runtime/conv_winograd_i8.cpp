#include "runtime/conv_winograd_i8.h"

#include <algorithm>

namespace edgert {

static_assert(kWinogradOutputs == kPanelOutputs && kPanelDepth == 4);

bool ConvWinogradI8::suits(const ConvGeometry& g, IsaSet isa) {
  // With fewer channels the transforms cost what they save. With fewer tiles, or if a fifth of the
  // outputs lie beyond the image, little is saved for weights of 32/9 as many bytes.
  constexpr size_t kLeastChannels = 48, kLeastTiles = 16;
  const size_t computed =
      round_up(g.out_height, kWinogradTile) * round_up(g.out_width, kWinogradTile);
  const WinogradI8Kernel* const kernel = select_winograd_i8(isa);
  // A level above has a kernel for bytes of its own because it multiplies them faster.
  return kernel != nullptr && select_gemm_i8(isa, WeightFit::kQuads).isa == kernel->isa &&
         WinogradBlocks::applies(g, kLeastTiles) &&
         5 * g.out_height * g.out_width >= 4 * computed && g.channels >= kLeastChannels &&
         g.channels <= kWinogradMaxChannels && g.outputs >= kLeastChannels;
}

ConvWinogradI8::ConvWinogradI8(const ConvGeometry& geometry, const int8_t* panels, IsaSet isa,
                               int threads)
    : kernel_(select_winograd_i8(isa)),
      g_(geometry),
      blocks_(
          g_,
          {kernel_->isa, kernel_->steps.rows, kWinogradOutputs, sizeof(int16_t), kWinogradChannels},
          threads),
      threads_(static_cast<size_t>(threads)),
      channel_blocks_(ceil_div(g_.channels, kPanelDepth)),
      point_stride_(channel_blocks_ * kPanelOutputs * kPanelDepth),
      matrices_(ceil_div(g_.outputs, kPanelOutputs) * kWinogradPoints * point_stride_ *
                sizeof(int16_t)) {
  int16_t* u = reinterpret_cast<int16_t*>(matrices_.data());
  for (size_t o = 0; o < g_.outputs; o += kPanelOutputs) {
    kernel_->steps.weights({channel_blocks_, panels, u});
    panels += 9 * point_stride_;
    u += kWinogradPoints * point_stride_;
  }
}

void ConvWinogradI8::run(const ConvOperandsI8& operands, std::byte* scratch,
                         ThreadPool& pool) const {
  pool.parallel_for(blocks_.count(), [&](size_t task, int thread) {
    run_task(operands, task, scratch + thread * blocks_.task_bytes());
  });
}

void ConvWinogradI8::run_task(const ConvOperandsI8& operands, size_t index,
                              std::byte* scratch) const {
  const WinogradBlocks::Task task = blocks_.task(index);
  int16_t* const v = reinterpret_cast<int16_t*>(scratch);
  int32_t* const m = reinterpret_cast<int32_t*>(scratch + blocks_.v_bytes());
  blocks_.for_runs(task, [&](const WinogradBlocks::Run& run) {
    WinogradInputI8 input = blocks_.input(run, operands.x, v);
    input.outside = operands.x_zero;
    kernel_->steps.input(input);
  });
  const size_t element = output_bytes(operands.out.output);
  for (size_t o = task.first_output; o < task.last_output; o += kWinogradOutputs) {
    const int16_t* u = reinterpret_cast<const int16_t*>(matrices_.data()) +
                       o / kWinogradOutputs * kWinogradPoints * point_stride_;
    for (size_t p = 0; p < kWinogradPoints; ++p, u += point_stride_) {
      // The matrices of the next outputs follow those of the last point.
      const bool last = p + 1 == kWinogradPoints && o + kWinogradOutputs >= task.last_output;
      kernel_->steps.products({task.last_tile - task.first_tile, channel_blocks_,
                               v + p * blocks_.v_point(), blocks_.v_tile(), u,
                               m + p * blocks_.m_point(), last ? nullptr : u + point_stride_});
    }
    blocks_.for_runs(task, [&](const WinogradBlocks::Run& run) {
      const size_t at = run.image * g_.out_height * g_.out_width * g_.outputs + o;
      WinogradOutputI8 output;
      output.channels = std::min(kWinogradOutputs, task.last_output - o);
      output.m = m + run.at * kWinogradOutputs;
      output.point_stride = blocks_.m_point();
      output.row = run.row;
      output.first = run.first;
      output.last = run.last;
      output.y = static_cast<std::byte*>(operands.y) + at * element;
      output.height = g_.out_height;
      output.width = g_.out_width;
      output.pixel_stride = g_.outputs;
      output.out = part_of(operands.out, o, at);
      kernel_->steps.output(output);
    });
  }
}

Step bind_winograd_i8(const BindContext& context, const ConvGeometry& geometry, uint8_t x_zero,
                      AccumulatorOutput out) {
  out.small = has_small_results(context, 9 * geometry.channels);
  const auto conv = std::make_shared<const ConvWinogradI8>(
      geometry, reinterpret_cast<const int8_t*>(context.constant(1, Layout::k4n16)), context.isa,
      context.threads);
  return conv_step_i8(context, conv, x_zero, out);
}

}  // namespace edgert
