#include "runtime/product/bits/bits.h"

#include <algorithm>
#include <memory>

#include "kernels/gemm_bits/gemm_bits.h"
#include "runtime/product/bits/starts.h"
#include "runtime/product/tasks.h"
#include "weights/panels.h"

namespace edgert {
namespace {

constexpr uint64_t kMaxDepth = 32766;  // whose sums lie below INT16_MAX, a threshold for none

// Fails if bits beyond the channels are set: they would count.
void require_clear_rest(const BindContext& context, const WeightShape& shape, size_t channels,
                        const uint8_t* panels) {
  if (channels % 8 == 0) return;
  const int beyond = 0xff << channels % 8 & 0xff;
  bool clear = true;
  Panels<K1N16>(shape).for_runs([&](size_t, size_t row, size_t place, auto) {
    if (row % shape.channels == shape.channels - 1) clear = clear && !(panels[place] & beyond);
  });
  if (!clear) context.fail("WEIGHTS", "bits of the weights beyond %zu channels are set", channels);
}

ProductTile tile_of(const GemmBitsKernel& kernel, const ProductShape& shape) {
  ProductTile tile;
  tile.rows = static_cast<size_t>(kernel.mr);
  tile.columns = static_cast<size_t>(kernel.nr);
  tile.element_bytes = 1;
  tile.tap_length = shape.weights().channels;
  // Each byte is eight of the multiply-adds that the kernel's row counts.
  tile.task_macs = static_cast<size_t>(kernel.task_kmacs) * 1000 / 8;
  tile.macs_per_cycle = static_cast<size_t>(kernel.macs_per_cycle) / 8;
  return tile;
}

// What a run has of the operands.
struct Operands {
  const std::byte* x;
  std::byte* y;
  const int16_t* thresholds;
  const float *multiplier, *bias, *residual;
};

class BitsPlan {
 public:
  BitsPlan(const GemmBitsKernel& kernel, const ProductShape& shape, const uint8_t* weights,
           SumStarts starts, const Activation& activation, int threads)
      : kernel_(kernel),
        tasks_(shape, tile_of(kernel, shape), threads),
        panels_(shape.weights()),
        weights_(weights),
        starts_(std::move(starts)),
        activation_(activation) {}

  size_t tasks() const { return tasks_.count(); }
  uint64_t task_bytes() const { return tasks_.window_bytes(); }

  void run_task(const Operands& operands, size_t index, std::byte* window) const {
    const ProductTasks::Task task = tasks_.task(index);
    const std::byte* const input = tasks_.input(task, operands.x, 0, window);
    const uint8_t* const weights = weights_ + task.group * panels_.group_stride();
    const ProductShape& g = tasks_.shape();
    const size_t channel = tasks_.channel(task), columns = static_cast<size_t>(kernel_.nr);
    const bool bits = operands.thresholds != nullptr;
    const size_t pixel = (tasks_.output(task) - channel) / g.outputs;  // the first
    GemmBits gemm;
    gemm.m = task.columns;
    gemm.k = tasks_.segment_length();
    gemm.segments = tasks_.offsets().size();
    gemm.a_stride = tasks_.pixel_step();
    gemm.a_offsets = tasks_.offsets().data();
    gemm.b_panel_stride = panels_.panel_stride();
    gemm.start_places = starts_.columns(task.column);
    gemm.c_stride = bits ? ceil_div(g.outputs, 8) : g.outputs;
    gemm.activation = activation_;
    for (size_t j = 0; j < task.outputs; j += columns) {
      const size_t output = channel + j;
      gemm.n = std::min(columns, task.outputs - j);
      gemm.b = weights + panels_.place(task.first_output + j);
      gemm.thresholds = bits ? operands.thresholds + output : nullptr;
      gemm.multiplier = bits ? nullptr : operands.multiplier + output;
      gemm.bias = operands.bias ? operands.bias + output : nullptr;
      for (size_t r = 0; r < task.rows; ++r) {
        const size_t row = pixel + r * g.out_width;
        const size_t at = row * gemm.c_stride + (bits ? output / 8 : output);
        gemm.a = reinterpret_cast<const uint8_t*>(input) + r * tasks_.row_step();
        gemm.starts = starts_.row(task.row + r, output);
        gemm.c = operands.y + at * (bits ? 1 : sizeof(float));
        gemm.residual = operands.residual ? operands.residual + at : nullptr;
        kernel_.run(gemm);
      }
    }
  }

 private:
  const GemmBitsKernel& kernel_;
  ProductTasks tasks_;
  Panels<K1N16> panels_;
  const uint8_t* weights_;
  SumStarts starts_;
  Activation activation_;
};

}  // namespace

void require_bits(const NodeTypes& node, int32_t channels, int32_t groups, uint64_t taps) {
  for (int i : {0, 1}) node.require_dtype(i, DType::u8);
  const Shape &x = node.shape(0), &w = node.shape(1);
  const int64_t bytes = x[x.rank - 1];
  if (channels < 1 || (int64_t{channels} + 7) / 8 != bytes)
    node.fail("ATTR", "%d channels in %lld bytes, expected %lld to %lld", channels,
              static_cast<long long>(bytes), static_cast<long long>(8 * bytes - 7),
              static_cast<long long>(8 * bytes));
  const bool whole = channels % 8 == 0 && K1N16::are_whole(static_cast<size_t>(w[0] / groups));
  if (groups > 1 && !whole)
    node.fail("ATTR", "%d groups of %d channels and %d outputs, expected whole bytes and panels",
              groups, channels / groups, w[0] / groups);
  const uint64_t depth = taps * static_cast<uint64_t>(channels / groups);
  if (depth > kMaxDepth)
    node.fail("LIMIT", "sums of %llu products, expected at most %llu",
              static_cast<unsigned long long>(depth), static_cast<unsigned long long>(kMaxDepth));
}

OutputTypes infer_bits(const NodeTypes& node, const Activation& activation, Shape shape) {
  int32_t& last = shape[shape.rank - 1];
  const bool bits = node.input(2).dtype == DType::i16;
  node.require_activation(activation);
  node.require(2, bits ? DType::i16 : DType::f32, {last});
  if (bits) {
    if (node.has(3) || node.has(4) || !is_identity(activation))
      node.fail("ATTR", "bits have no bias, no residual and no activation");
    last = static_cast<int32_t>((int64_t{last} + 7) / 8);
  }
  if (node.has(3)) node.require(3, DType::f32, {last});
  if (node.has(4)) {
    node.require_dtype(4, DType::f32);
    if (node.shape(4) != shape)
      node.fail("SHAPE", "the residual has shape %s, expected %s", to_string(node.shape(4)).c_str(),
                to_string(shape).c_str());
  }
  const TensorType type{bits ? DType::u8 : DType::f32, shape};
  if (!in_bounds(type)) node.fail("LIMIT", "the output %s is too large", to_string(shape).c_str());
  return type;
}

double bits_operations(const NodeTypes& node, const OutputTypes& outputs) {
  const Shape& y = outputs[0].shape;
  return static_cast<double>(y.elements(0, y.rank - 1)) *
         static_cast<double>(node.shape(1).elements());
}

Step bind_bits(const BindContext& context, const ProductShape& shape, size_t channels,
               bool zeros_around, const Activation& activation) {
  const auto* const weights = reinterpret_cast<const uint8_t*>(context.constant(1, Form::k1n16));
  const size_t group_channels = channels / shape.groups;
  const WeightShape filter = shape.weights();
  require_clear_rest(context, filter, group_channels, weights);
  context.memory.take_tables(uint64_t{filter.taps} * sizeof(size_t));
  SumStarts starts = zeros_around ? SumStarts(context, shape, group_channels, weights)
                                  : SumStarts(context, shape, filter.taps * group_channels);
  const GemmBitsKernel& kernel = select_gemm_bits(context.isa);
  const auto plan = std::make_shared<const BitsPlan>(kernel, shape, weights, std::move(starts),
                                                     activation, context.threads);
  const bool bits = context.input(2)->type.dtype == DType::i16;
  const uint32_t x = context.input_index(0), y = context.output_index();
  const uint32_t end = context.input_index(2), bias = context.input_index(3);
  const uint32_t residual = context.input_index(4);
  Step step;
  step.kernel = kernel.name;
  step.scratch_bytes = static_cast<uint64_t>(context.threads) * plan->task_bytes();
  step.run = [=](const RunContext& run) {
    const Operands operands = {run.tensor<std::byte>(x),
                               run.tensor<std::byte>(y),
                               bits ? run.tensor<int16_t>(end) : nullptr,
                               bits ? nullptr : run.tensor<float>(end),
                               run.tensor<float>(bias),
                               run.tensor<float>(residual)};
    run.pool().parallel_for(plan->tasks(), [&](size_t task, int thread) {
      plan->run_task(operands, task,
                     run.scratch() + static_cast<size_t>(thread) * plan->task_bytes());
    });
  };
  return step;
}

}  // namespace edgert
