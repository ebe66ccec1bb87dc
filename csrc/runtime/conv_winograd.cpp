#include "runtime/conv_winograd.h"

#include <algorithm>

namespace edgert {

bool ConvWinograd::suits(const ConvGeometry& g) {
  // With fewer channels the transforms cost what they save. With fewer tiles the multiplications
  // wait for the weights, which are 16/9 as many, or the tiles reach too far beyond the image.
  constexpr size_t kLeastChannels = 24, kLeastTiles = 16;
  return WinogradBlocks::applies(g, kLeastTiles) && g.channels >= kLeastChannels &&
         g.outputs >= kLeastChannels;
}

ConvWinograd::ConvWinograd(const ConvGeometry& geometry, IsaSet isa, int threads)
    : gemm_(&select_gemm_f32(isa)),
      winograd_(&select_winograd_f32(isa)),
      g_(geometry),
      blocks_(g_, tile_of(*gemm_), threads),
      threads_(static_cast<size_t>(threads)),
      panel_stride_(kWinogradPoints * g_.channels * kPanelWidth) {}

size_t ConvWinograd::weight_elements() const {
  return ceil_div(g_.outputs, kPanelWidth) * panel_stride_;
}

void ConvWinograd::transform_weights(const float* panels, float* matrices) const {
  WinogradWeightsF32 panel;
  panel.length = g_.channels * kPanelWidth;
  for (size_t p = 0; p < ceil_div(g_.outputs, kPanelWidth); ++p) {
    panel.w = panels + p * 9 * panel.length;
    panel.u = matrices + p * panel_stride_;
    winograd_->transforms.weights(panel);
  }
}

size_t ConvWinograd::scratch_bytes() const { return threads_ * blocks_.task_bytes(); }

void ConvWinograd::run(const ConvOperands& operands, std::byte* scratch, ThreadPool& pool) const {
  pool.parallel_for(blocks_.count(), [&](size_t task, int thread) {
    run_task(operands, task, scratch + thread * blocks_.task_bytes());
  });
}

void ConvWinograd::run_task(const ConvOperands& operands, size_t index, std::byte* scratch) const {
  const WinogradBlocks::Task task = blocks_.task(index);
  const size_t nr = gemm_->nr;
  float* const v = reinterpret_cast<float*>(scratch);
  float* const m = reinterpret_cast<float*>(scratch + blocks_.v_bytes());

  blocks_.for_runs(task, [&](const WinogradBlocks::Run& run) {
    winograd_->transforms.input(blocks_.input(run, operands.x, v));
  });
  const auto panel = [&](size_t output) {
    return operands.panels + output / kPanelWidth * panel_stride_ + output % kPanelWidth;
  };
  for (size_t o = task.first_output; o < task.last_output; o += nr) {
    const size_t outputs = std::min(nr, task.last_output - o);
    multiply(v, panel(o), task.last_tile - task.first_tile, outputs, m,
             o + nr < task.last_output ? panel(o + nr) : nullptr);
    blocks_.for_runs(task, [&](const WinogradBlocks::Run& run) {
      const size_t out = run.image * g_.out_height * g_.out_width * g_.outputs + o;
      WinogradOutputF32 output;
      output.channels = outputs;
      output.m = m + run.at * nr;
      output.point_stride = blocks_.m_point();
      output.tile_stride = nr;
      output.row = run.row;
      output.first = run.first;
      output.last = run.last;
      output.y = operands.y + out;
      output.height = g_.out_height;
      output.width = g_.out_width;
      output.pixel_stride = g_.outputs;
      output.bias = operands.bias ? operands.bias + o : nullptr;
      output.residual = operands.residual ? operands.residual + out : nullptr;
      output.activation = operands.activation;
      winograd_->transforms.output(output);
    });
  }
}

// The 16 products for the outputs of one tile of the multiplication. `next`: the panel after this
// one, or null.
void ConvWinograd::multiply(const float* v, const float* panel, size_t tiles, size_t outputs,
                            float* m, const float* next) const {
  const size_t length = depth_piece(g_.channels, *gemm_);
  for (size_t point = 0; point < kWinogradPoints; ++point)
    for (size_t c = 0; c < g_.channels; c += length) {
      const bool last = point == kWinogradPoints - 1 && c + length >= g_.channels;
      GemmF32 gemm;
      gemm.m = tiles;
      gemm.n = outputs;
      gemm.k = std::min(length, g_.channels - c);
      gemm.segments = 1;
      gemm.a = v + point * blocks_.v_point() + c;
      gemm.a_stride = blocks_.v_tile();
      gemm.a_offsets = nullptr;
      gemm.b = panel + (point * g_.channels + c) * kPanelWidth;
      gemm.b_panel_stride = panel_stride_;
      gemm.c = m + point * blocks_.m_point();
      gemm.c_stride = gemm_->nr;
      gemm.bias = gemm.residual = nullptr;
      gemm.residual_stride = 0;
      gemm.accumulate = c > 0;
      gemm.activation = {};
      gemm.prefetch = last ? next : gemm.b + gemm.k * kPanelWidth;
      gemm.prefetched = 0;
      gemm_->run(gemm);
    }
}

}  // namespace edgert
