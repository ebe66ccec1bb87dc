// 3x3 convolution of stride 1 by Winograd's F(2x2, 3x3): the input and the weights are transformed,
// multiplied as 16 matrices, and transformed back. kernels/winograd_f32 states formula and error.
#include "kernels/winograd_f32/winograd_f32.h"

#include <algorithm>

#include "kernels/gemm_f32/gemm_f32.h"
#include "runtime/product/methods/winograd_blocks.h"
#include "runtime/product/product.h"
#include "weights/panels.h"

namespace edgert {
namespace {

// The transformed weights are panels whose taps are the points.
Panels<K1N16> matrices_of(const ProductShape& shape) {
  return Panels<K1N16>(WeightShape{shape.outputs, kWinogradPoints, shape.channels, 1});
}

ProductTile tile_of(const GemmF32Kernel& kernel, const ProductShape& shape) {
  return {static_cast<size_t>(kernel.mr),
          static_cast<size_t>(kernel.nr),
          sizeof(float),
          matrices_of(shape).tap_length(),
          static_cast<size_t>(kernel.task_kmacs) * 1000,
          static_cast<size_t>(kernel.macs_per_cycle)};
}

class WinogradF32Plan final : public ProductPlan {
 public:
  WinogradF32Plan(const ProductShape& shape, IsaSet isa, int threads)
      : ProductPlan(select_winograd_f32(isa).name, threads),
        gemm_(select_gemm_f32(isa)),
        transforms_(select_winograd_f32(isa).transforms),
        g_(shape),
        tile_(tile_of(gemm_, shape)),
        blocks_(g_, tile_, threads),
        matrices_(matrices_of(shape)) {
    set_tasks(blocks_.count(), blocks_.task_bytes());
  }

  void run_task(const ProductOperands& operands, size_t index, std::byte* scratch) const override {
    const WinogradBlocks::Task task = blocks_.task(index);
    const size_t nr = tile_.columns;
    float* const v = reinterpret_cast<float*>(scratch);
    float* const m = reinterpret_cast<float*>(scratch + blocks_.v_bytes());

    blocks_.for_runs(task, [&](const WinogradBlocks::Run& run) {
      transforms_.input(blocks_.input(run, static_cast<const float*>(operands.x), v));
    });
    const auto panel = [&](size_t output) {
      return reinterpret_cast<const float*>(operands.w.data) + matrices_.place(output);
    };
    for (size_t o = task.first_output; o < task.last_output; o += nr) {
      const size_t outputs = std::min(nr, task.last_output - o);
      multiply(v, panel(o), task.last_tile - task.first_tile, outputs, m,
               o + nr < task.last_output ? panel(o + nr) : nullptr);
      blocks_.for_runs(task, [&](const WinogradBlocks::Run& run) {
        const size_t out = run.image * g_.out_height * g_.out_width * g_.outputs + o;
        const FloatOutput end = part_of(operands.f32, o, out);
        WinogradOutputF32 output;
        output.channels = outputs;
        output.m = m + run.at * nr;
        output.point_stride = blocks_.m_point();
        output.tile_stride = nr;
        output.row = run.row;
        output.first = run.first;
        output.last = run.last;
        output.y = static_cast<float*>(operands.y) + out;
        output.height = g_.out_height;
        output.width = g_.out_width;
        output.pixel_stride = g_.outputs;
        output.bias = end.bias;
        output.residual = end.residual;
        output.activation = end.activation;
        transforms_.output(output);
      });
    }
  }

 private:
  // The 16 products for the outputs of one tile of the multiplication. `next`: the panel after this
  // one, or null.
  void multiply(const float* v, const float* panel, size_t tiles, size_t outputs, float* m,
                const float* next) const {
    const size_t length = tile_.depth_piece(g_.channels);
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
        gemm.b = panel + matrices_.step_place(point * matrices_.tap_steps() + c);
        gemm.b_panel_stride = matrices_.panel_stride();
        gemm.c = m + point * blocks_.m_point();
        gemm.c_stride = tile_.columns;
        gemm.bias = gemm.residual = nullptr;
        gemm.residual_stride = 0;
        gemm.accumulate = c > 0;
        gemm.activation = {};
        gemm.prefetch = last ? next : gemm.b + matrices_.step_place(gemm.k);
        gemm.prefetched = 0;
        gemm_.run(gemm);
      }
  }

  const GemmF32Kernel& gemm_;
  const WinogradTransforms& transforms_;
  ProductShape g_;
  ProductTile tile_;
  WinogradBlocks blocks_;
  Panels<K1N16> matrices_;
};

bool suits(const Product& product, IsaSet) {
  // With fewer channels the transforms cost what they save. With fewer tiles the multiplications
  // wait for the weights, which are 16/9 as many, or the tiles reach too far beyond the image.
  constexpr size_t kLeastChannels = 24, kLeastTiles = 16;
  const ProductShape& g = product.shape;
  return product.x == DType::f32 && product.constant && WinogradBlocks::applies(g, kLeastTiles) &&
         g.channels >= kLeastChannels && g.outputs >= kLeastChannels;
}

PreparedWeights prepare(const Product& product, const std::byte* weights, const int32_t*,
                        IsaSet isa, MemoryBudget& memory) {
  const PreparedWeights from =
      in_form(select_gemm_f32(isa).form, product, DType::f32, weights, memory);
  const Panels<K1N16> filters(product.shape.weights()), matrices = matrices_of(product.shape);
  PreparedWeights prepared;
  prepared.own = memory.allocate_weights(matrices.elements() * sizeof(float));
  prepared.data = prepared.own.data();
  WinogradWeightsF32 panel;
  panel.length = filters.step_place(filters.tap_steps());
  panel.w = reinterpret_cast<const float*>(from.data);
  panel.u = reinterpret_cast<float*>(prepared.own.data());
  for (size_t p = 0; p < filters.count(); ++p) {
    select_winograd_f32(isa).transforms.weights(panel);
    panel.w += filters.panel_stride();
    panel.u += matrices.panel_stride();
  }
  return prepared;
}

std::unique_ptr<ProductPlan> plan(const Product& product, const WeightFacts&, IsaSet isa,
                                  int threads) {
  return std::make_unique<WinogradF32Plan>(product.shape, isa, threads);
}

}  // namespace

extern const ProductMethod winograd_f32_method = {suits, Form::k1n16, prepare, plan};

}  // namespace edgert
