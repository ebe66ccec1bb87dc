// 3x3 convolution of stride 1 of u8 by i8 by Winograd's F(2x2, 3x3), for CPUs that multiply bytes
// not much faster than words. kernels/winograd_i8 states formula and bounds; the bits are those of
// tiles.
#include "kernels/winograd_i8/winograd_i8.h"

#include <algorithm>

#include "kernels/gemm_i8/gemm_i8.h"
#include "runtime/product/methods/winograd_blocks.h"
#include "runtime/product/product.h"
#include "weights/panels.h"

namespace edgert {
namespace {

// The transformed weights are panels of words whose taps are the points. The channels are those of
// the panels from which they are made, zeros included.
Panels<K2N16> matrices_of(const ProductShape& shape) {
  return Panels<K2N16>(
      WeightShape{shape.outputs, kWinogradPoints, Panels<K4N16>(shape.weights()).tap_length(), 1});
}

class WinogradI8Plan final : public ProductPlan {
 public:
  WinogradI8Plan(const WinogradI8Kernel& kernel, const ProductShape& shape, int threads)
      : ProductPlan(kernel.name, threads),
        steps_(kernel.steps),
        g_(shape),
        blocks_(g_,
                {kernel.steps.rows, kWinogradOutputs, sizeof(int16_t),
                 round_up(shape.channels, kWinogradChannels),
                 static_cast<size_t>(kernel.task_kmacs) * 1000,
                 static_cast<size_t>(kernel.macs_per_cycle)},
                threads),
        channel_blocks_(Panels<K4N16>(shape.weights()).tap_steps()),
        matrices_(matrices_of(shape)) {
    set_tasks(blocks_.count(), blocks_.task_bytes());
  }

  // operands.dynamic must be null.
  void run_task(const ProductOperands& operands, size_t index, std::byte* scratch) const override {
    const WinogradBlocks::Task task = blocks_.task(index);
    int16_t* const v = reinterpret_cast<int16_t*>(scratch);
    int32_t* const m = reinterpret_cast<int32_t*>(scratch + blocks_.v_bytes());
    blocks_.for_runs(task, [&](const WinogradBlocks::Run& run) {
      WinogradInputI8 input = blocks_.input(run, static_cast<const uint8_t*>(operands.x), v);
      input.outside = operands.x_zero;
      steps_.input(input);
    });
    const size_t element = output_bytes(operands.sums.output);
    const size_t point_stride = matrices_.step_place(matrices_.tap_steps());
    for (size_t o = task.first_output; o < task.last_output; o += kWinogradOutputs) {
      const int16_t* u = reinterpret_cast<const int16_t*>(operands.w.data) + matrices_.place(o);
      for (size_t p = 0; p < kWinogradPoints; ++p, u += point_stride) {
        // The matrices of the next outputs follow those of the last point.
        const bool last = p + 1 == kWinogradPoints && o + kWinogradOutputs >= task.last_output;
        steps_.products({task.last_tile - task.first_tile, channel_blocks_,
                         v + p * blocks_.v_point(), blocks_.v_tile(), u, m + p * blocks_.m_point(),
                         last ? nullptr : u + point_stride});
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
        output.out = part_of(operands.sums, o, at);
        steps_.output(output);
      });
    }
  }

 private:
  const WinogradStepsI8& steps_;
  ProductShape g_;
  WinogradBlocks blocks_;
  size_t channel_blocks_;  // steps of the panels of bytes
  Panels<K2N16> matrices_;
};

bool suits(const Product& product, IsaSet isa) {
  // With fewer channels the transforms cost what they save. With fewer tiles, or if a fifth of the
  // outputs lie beyond the image, little is saved for weights of 32/9 as many bytes.
  constexpr size_t kLeastChannels = 48, kLeastTiles = 16;
  const ProductShape& g = product.shape;
  const WinogradI8Kernel* const kernel = select_winograd_i8(isa);
  if (product.x != DType::u8 || product.dynamic || kernel == nullptr) return false;
  // 9 multiplications become 4.
  const int direct = select_gemm_i8(isa, WeightFit::kQuads).macs_per_cycle;
  const size_t computed =
      round_up(g.out_height, kWinogradTile) * round_up(g.out_width, kWinogradTile);
  return 9 * kernel->macs_per_cycle > 4 * direct && WinogradBlocks::applies(g, kLeastTiles) &&
         5 * g.out_height * g.out_width >= 4 * computed && g.channels >= kLeastChannels &&
         g.channels <= kWinogradMaxChannels && g.outputs >= kLeastChannels;
}

PreparedWeights prepare(const Product& product, const std::byte* weights, const int32_t*,
                        IsaSet isa, MemoryBudget& memory) {
  const WinogradI8Kernel& kernel = *select_winograd_i8(isa);
  const PreparedWeights from = in_form(kernel.form, product, DType::i8, weights, memory);
  const Panels<K4N16> filters(product.shape.weights());
  const Panels<K2N16> matrices = matrices_of(product.shape);
  PreparedWeights prepared;
  prepared.own = memory.allocate_weights(matrices.elements() * sizeof(int16_t));
  prepared.data = prepared.own.data();
  const int8_t* w = reinterpret_cast<const int8_t*>(from.data);
  int16_t* u = reinterpret_cast<int16_t*>(prepared.own.data());
  for (size_t p = 0; p < filters.count(); ++p) {
    kernel.steps.weights({filters.tap_steps(), w, u});
    w += filters.panel_stride();
    u += matrices.panel_stride();
  }
  return prepared;
}

std::unique_ptr<ProductPlan> plan(const Product& product, const WeightFacts&, IsaSet isa,
                                  int threads) {
  return std::make_unique<WinogradI8Plan>(*select_winograd_i8(isa), product.shape, threads);
}

}  // namespace

extern const ProductMethod winograd_i8_method = {suits, Form::k4n16, prepare, plan};

}  // namespace edgert
