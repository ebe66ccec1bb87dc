#include "runtime/conv_winograd.h"

#include <algorithm>

#include "core/memory.h"

namespace edgert {
namespace {

constexpr size_t kLineElements = kAlignment / sizeof(float);

size_t spread(size_t stride) { return spread_stride(stride, sizeof(float)); }

}  // namespace

bool ConvWinograd::suits(const ConvGeometry& g) {
  for (int i : {0, 1})
    if (g.kernel[i] != 3 || g.strides[i] != 1 || g.dilations[i] != 1) return false;
  // With fewer channels the transforms cost what they save. With fewer tiles the multiplications
  // wait for the weights, which are 16/9 as many, or the tiles reach too far beyond the image.
  constexpr size_t kLeastChannels = 24, kLeastTiles = 16;
  const size_t tiles = ceil_div(g.out_height, kWinogradTile) * ceil_div(g.out_width, kWinogradTile);
  return g.groups == 1 && g.channels >= kLeastChannels && g.outputs >= kLeastChannels &&
         tiles >= kLeastTiles && g.out_height > 1 && g.out_width > 1;
}

ConvWinograd::ConvWinograd(const ConvGeometry& geometry, IsaSet isa, int threads)
    : gemm_(&select_gemm_f32(isa)),
      winograd_(&select_winograd_f32(isa)),
      g_(geometry),
      threads_(threads),
      tile_rows_(ceil_div(g_.out_height, kWinogradTile)),
      tile_columns_(ceil_div(g_.out_width, kWinogradTile)),
      tiles_(g_.batch * tile_rows_ * tile_columns_),
      panel_stride_(kWinogradPoints * g_.channels * kPanelWidth) {
  choose_blocks(threads);
  v_tile_ = spread(g_.channels);
  v_point_ = spread(round_up(block_tiles_ * v_tile_, kLineElements));
  m_point_ = spread(round_up(block_tiles_ * gemm_->nr, kLineElements));
}

// Splits the work so that the transformed input of a task stays in the second-level cache, and so
// that there are a few tasks per thread. Splitting the outputs transforms the input once per block,
// which costs as much as two or three outputs; splitting the tiles reads the weights once per block
// and leaves each multiplication fewer rows to use them on.
void ConvWinograd::choose_blocks(int threads) {
  const size_t mr = gemm_->mr, nr = gemm_->nr;
  const size_t tile_bytes = kWinogradPoints * g_.channels * sizeof(float);
  const size_t most_tiles = std::max(4 * mr, cache_sizes().l2 / 2 / tile_bytes);
  size_t tile_blocks = std::max<size_t>(1, ceil_div(tiles_, most_tiles));

  const double macs = static_cast<double>(tiles_) * kWinogradPoints * g_.channels * g_.outputs;
  size_t tasks = threads == 1 ? 1 : static_cast<size_t>(threads) * 4;
  tasks = std::min(tasks, static_cast<size_t>(macs / task_macs(sizeof(float))) + 1);
  const auto output_blocks = [&](size_t least_outputs) {
    return std::min(ceil_div(g_.outputs, least_outputs), ceil_div(tasks, tile_blocks));
  };
  const size_t tiles_wanted = ceil_div(tasks, output_blocks(64));
  tile_blocks = std::max(tile_blocks, std::min(tiles_wanted, tiles_ / mr));
  block_tiles_ = ceil_div(tiles_, tile_blocks);
  block_outputs_ = round_up(ceil_div(g_.outputs, output_blocks(nr)), nr);
  tile_blocks_ = tiles_ == 0 ? 0 : ceil_div(tiles_, block_tiles_);
  output_blocks_ = ceil_div(g_.outputs, block_outputs_);
}

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

size_t ConvWinograd::scratch_bytes() const {
  return threads_ * round_up(kWinogradPoints * (v_point_ + m_point_) * sizeof(float), kAlignment);
}

void ConvWinograd::run(const ConvOperands& operands, std::byte* scratch, ThreadPool& pool) const {
  const size_t task_bytes = scratch_bytes() / threads_;
  pool.parallel_for(tile_blocks_ * output_blocks_, [&](size_t task, int thread) {
    run_task(operands, task, reinterpret_cast<float*>(scratch + thread * task_bytes));
  });
}

template <typename Body>
void ConvWinograd::for_runs(size_t begin, size_t end, const Body& body) const {
  for (size_t t = begin; t < end;) {
    const size_t first = t % tile_columns_, last = std::min(tile_columns_, first + end - t);
    const size_t row = t / tile_columns_;
    body(Run{row / tile_rows_, row % tile_rows_, first, last, t - begin});
    t += last - first;
  }
}

void ConvWinograd::run_task(const ConvOperands& operands, size_t task, float* scratch) const {
  const size_t begin = task / output_blocks_ * block_tiles_;
  const size_t end = std::min(begin + block_tiles_, tiles_);
  const size_t first_output = task % output_blocks_ * block_outputs_;
  const size_t last_output = std::min(first_output + block_outputs_, g_.outputs);
  const size_t nr = gemm_->nr;
  float* const v = scratch;
  float* const m = scratch + kWinogradPoints * v_point_;

  for_runs(begin, end, [&](const Run& run) {
    WinogradInputF32 input;
    input.channels = g_.channels;
    input.x = operands.x + run.image * g_.height * g_.width * g_.channels;
    input.height = g_.height;
    input.width = g_.width;
    input.pads[0] = g_.pads[0];
    input.pads[1] = g_.pads[1];
    input.row = run.row;
    input.first = run.first;
    input.last = run.last;
    input.v = v + run.at * v_tile_;
    input.point_stride = v_point_;
    input.tile_stride = v_tile_;
    winograd_->transforms.input(input);
  });
  const auto panel = [&](size_t output) {
    return operands.panels + output / kPanelWidth * panel_stride_ + output % kPanelWidth;
  };
  for (size_t o = first_output; o < last_output; o += nr) {
    const size_t outputs = std::min(nr, last_output - o);
    multiply(v, panel(o), end - begin, outputs, m, o + nr < last_output ? panel(o + nr) : nullptr);
    for_runs(begin, end, [&](const Run& run) {
      const size_t out = run.image * g_.out_height * g_.out_width * g_.outputs + o;
      WinogradOutputF32 output;
      output.channels = outputs;
      output.m = m + run.at * nr;
      output.point_stride = m_point_;
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
      gemm.a = v + point * v_point_ + c;
      gemm.a_stride = v_tile_;
      gemm.a_offsets = nullptr;
      gemm.b = panel + (point * g_.channels + c) * kPanelWidth;
      gemm.b_panel_stride = panel_stride_;
      gemm.c = m + point * m_point_;
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
