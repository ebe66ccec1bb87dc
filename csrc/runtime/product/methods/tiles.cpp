// Products as multiplications of tiles: rows are output pixels, columns are outputs, the depth runs
// over the taps and the input channels. One driver for all types of elements; what they differ in
// stands in a record for each.
#include <algorithm>
#include <vector>

#include "kernels/gemm_f32/gemm_f32.h"
#include "kernels/gemm_i16/gemm_i16.h"
#include "kernels/gemm_i8/gemm_i8.h"
#include "runtime/product/product.h"
#include "runtime/product/tasks.h"
#include "weights/facts.h"
#include "weights/forms.h"

namespace edgert {
namespace {

// A part of the depth: whole segments, or a piece of one.
struct DepthBlock {
  size_t segment, segments, begin, length;
  size_t step;  // of a panel
};

// Where in the output a call of the kernel begins.
struct Place {
  size_t channel, element;
  size_t outputs;    // of a pixel
  bool first, last;  // of the depth
};

// Those of prepared weights.
WeightFacts facts_in(Form form, const Product& product, DType dtype,
                     const PreparedWeights& weights) {
  if (weights.own.bytes() == 0) return product.facts;
  return facts_of(form, dtype, product.shape.weights(), weights.data);
}

// Nothing to hold while a kernel runs.
struct None {};

struct FloatTiles {
  using Arguments = GemmF32;
  using Panel = K1N16;
  using Input = float;
  using Weight = float;
  static constexpr DType kInput = DType::f32, kWeight = DType::f32;
  static constexpr bool kRuns = false;         // whether a call has several rows of pixels,
  static constexpr bool kAllColumns = false;   // and all outputs of the task
  static constexpr size_t kNarrow = kFewRows;  // as many pixels have all outputs in any case
  static constexpr bool kPrefetches = true;    // whether a call fetches the weights of the next

  static bool wants_patches(const GemmF32Kernel&) { return false; }
  static bool wants_column_sums(const GemmF32Kernel&, const Product&) { return false; }
  static const GemmF32Kernel& select(IsaSet isa, const WeightFacts&, bool) {
    return select_gemm_f32(isa);
  }
  static WeightFacts facts(const Product&, const PreparedWeights&, const int32_t*, IsaSet) {
    return {};
  }

  // A chain of multiply-adds goes on in the output, so that the weights of the columns of a tile
  // stay in the first-level cache while the tiles of a task pass over them.
  static std::vector<DepthBlock> blocks(const ProductTasks& tasks, const ProductTile& tile) {
    const size_t segments = tasks.offsets().size(), length = tasks.segment_length();
    const size_t depth = segments * length, slice = tile.depth_in_cache();
    const bool reused = tasks.rows_per_panel() > 2 * tile.rows;
    std::vector<DepthBlock> list;
    if (!reused || depth <= slice + slice / 2) {
      list.push_back({0, segments, 0, length, 0});
    } else if (length <= slice + slice / 2) {
      const size_t count = std::max<size_t>(1, slice / length);
      for (size_t s = 0; s < segments; s += count)
        list.push_back({s, std::min(count, segments - s), 0, length, s * length});
    } else {
      const size_t piece = tile.depth_piece(length);
      for (size_t s = 0; s < segments; ++s)
        for (size_t p = 0; p < length; p += piece)
          list.push_back({s, 1, p, std::min(piece, length - p), s * length + p});
    }
    return list;
  }

  static uint8_t pad(const ProductOperands&) { return 0; }
  static size_t output_bytes(const ProductOperands&) { return sizeof(float); }
  using Held = None;
  static void set_end(const ProductOperands& operands, const WeightFacts&, const Place& at, Held*,
                      GemmF32* gemm) {
    const FloatOutput out = part_of(operands.f32, at.channel, at.element);
    gemm->bias = at.first ? out.bias : nullptr;
    gemm->residual = at.first ? out.residual : nullptr;
    gemm->residual_stride = gemm->c_stride;
    gemm->accumulate = !at.first;
    gemm->activation = at.last ? out.activation : Activation{};
  }
};

// What products of integers have in common.
template <typename Gemm, typename TilePanel, typename X, typename W>
struct IntegerTiles {
  using Arguments = Gemm;
  using Panel = TilePanel;
  using Input = X;
  using Weight = W;
  static constexpr size_t kNarrow = 0;

  // Sums stay in registers for the whole depth.
  static std::vector<DepthBlock> blocks(const ProductTasks& tasks, const ProductTile&) {
    return {{0, tasks.offsets().size(), 0, tasks.segment_length(), 0}};
  }
  static size_t output_bytes(const ProductOperands& operands) {
    return edgert::output_bytes(operands.sums.output);
  }
};

struct ByteTiles : IntegerTiles<GemmI8, K4N16, uint8_t, int8_t> {
  static constexpr DType kInput = DType::u8, kWeight = DType::i8;
  static constexpr bool kRuns = true, kAllColumns = true, kPrefetches = false;

  static bool wants_patches(const ProductKernel<GemmI8>& kernel) { return kernel.mr > kFreeRows; }
  static bool wants_column_sums(const GemmI8Kernel& kernel, const Product& product) {
    return kernel.column_sums || product.dynamic;
  }
  static const GemmI8Kernel& select(IsaSet isa, const WeightFacts& facts, bool merged) {
    return select_gemm_i8(isa, merged ? facts.within_rows : facts.within_taps);
  }
  static WeightFacts facts(const Product& product, const PreparedWeights& weights, const int32_t*,
                           IsaSet isa) {
    // Weights that the file has in another form are read only if the best kernel depends on it.
    if (select_gemm_i8(isa, WeightFit::kQuads).needs == WeightFit::kAny) return {};
    return facts_in(Form::k4n16, product, kWeight, weights);
  }

  static uint8_t pad(const ProductOperands& operands) { return operands.x_zero; }
  using Held = DynamicOutput;
  static void set_end(const ProductOperands& operands, const WeightFacts&, const Place& at,
                      Held* dynamic, GemmI8* gemm) {
    gemm->out = part_of(operands.sums, at.channel, at.element);
    gemm->dynamic = nullptr;
    gemm->column_sums = operands.w.column_sums ? operands.w.column_sums + at.channel : nullptr;
    if (operands.dynamic == nullptr) return;
    *dynamic = *operands.dynamic;
    dynamic->scales += at.element / at.outputs * dynamic->scale_step;
    if (dynamic->bias) dynamic->bias += at.channel;
    if (dynamic->residual) dynamic->residual += at.element;
    gemm->dynamic = dynamic;
  }
};

struct WordTiles : IntegerTiles<GemmI16, K2N16, int16_t, int16_t> {
  static constexpr DType kInput = DType::i16, kWeight = DType::i16;
  static constexpr bool kRuns = false, kAllColumns = false, kPrefetches = false;

  static bool wants_patches(const GemmI16Kernel&) { return false; }
  static bool wants_column_sums(const GemmI16Kernel&, const Product&) { return false; }
  static const GemmI16Kernel& select(IsaSet isa, const WeightFacts&, bool) {
    return select_gemm_i16(isa);
  }
  static WeightFacts facts(const Product& product, const PreparedWeights& weights,
                           const int32_t* bias, IsaSet) {
    WeightFacts facts = facts_in(Form::k2n16, product, kWeight, weights);
    const Panels<K2N16> panels(product.shape.weights());
    // A file may claim more steps than there are.
    facts.chunk =
        static_cast<uint32_t>(std::min<size_t>(facts.chunk, std::max<size_t>(1, panels.steps())));
    facts.narrow = bias != nullptr && facts.chunk >= panels.steps() &&
                   sums_have_32_bits(panels, reinterpret_cast<const int16_t*>(weights.data), bias);
    return facts;
  }

  static uint8_t pad(const ProductOperands&) { return 0; }
  using Held = None;
  static void set_end(const ProductOperands& operands, const WeightFacts& facts, const Place& at,
                      Held*, GemmI16* gemm) {
    gemm->out = part_of(operands.sums, at.channel, at.element);
    gemm->chunk = facts.chunk;
    gemm->narrow = facts.narrow;
  }
};

template <typename Tiles>
ProductTile tile_of(const ProductKernel<typename Tiles::Arguments>& kernel,
                    const ProductShape& shape) {
  const Panels<typename Tiles::Panel> panels(shape.weights());
  ProductTile tile;
  tile.rows = static_cast<size_t>(kernel.mr);
  tile.columns = static_cast<size_t>(kernel.nr);
  // A call with all outputs of a task begins with a whole panel.
  if (Tiles::kAllColumns || Tiles::kNarrow > 0) tile.columns = panels.whole_panels(tile.columns);
  tile.element_bytes = sizeof(typename Tiles::Input);
  tile.tap_length = panels.tap_length();
  tile.task_macs = static_cast<size_t>(kernel.task_kmacs) * 1000;
  tile.macs_per_cycle = static_cast<size_t>(kernel.macs_per_cycle);
  tile.patches = Tiles::wants_patches(kernel);
  return tile;
}

template <typename Tiles>
class TilesPlan final : public ProductPlan {
 public:
  using Arguments = typename Tiles::Arguments;
  using Kernel = ProductKernel<Arguments>;

  TilesPlan(const Kernel& kernel, const ProductShape& shape, const WeightFacts& facts, int threads)
      : ProductPlan(kernel.name, threads),
        kernel_(kernel),
        tasks_(shape, tile_of<Tiles>(kernel, shape), threads),
        panels_(shape.weights()),
        facts_(facts),
        blocks_(Tiles::blocks(tasks_, tile_of<Tiles>(kernel, shape))) {
    set_tasks(tasks_.count(), tasks_.window_bytes());
  }

  void run_task(const ProductOperands& operands, size_t index, std::byte* window) const override {
    const ProductTasks::Task task = tasks_.task(index);
    const std::byte* const input =
        tasks_.input(task, static_cast<const std::byte*>(operands.x), Tiles::pad(operands), window);
    const auto* const a = reinterpret_cast<const typename Tiles::Input*>(input);
    const auto* const weights =
        reinterpret_cast<const Weight*>(operands.w.data) + task.group * panels_.group_stride();
    const ProductShape& g = tasks_.shape();
    const size_t channel = tasks_.channel(task), out = tasks_.output(task);
    const bool all = Tiles::kAllColumns || task.columns <= Tiles::kNarrow;
    const size_t columns = all ? task.outputs : static_cast<size_t>(kernel_.nr);
    const size_t element = Tiles::output_bytes(operands);
    // Rows of pixels without gaps between them in the output are one call of the kernel.
    const bool even = g.out_row == task.columns * g.out_pixel;
    const size_t together = Tiles::kRuns && even ? task.rows : 1;
    for (size_t j = 0; j < task.outputs; j += columns) {
      const Weight* const panel = weights + panels_.place(task.first_output + j);
      for (const DepthBlock& block : blocks_) {
        const bool first = &block == &blocks_.front(), last = &block == &blocks_.back();
        for (size_t r = 0; r < task.rows; r += together) {
          const size_t at = out + r * g.out_row + j;
          Arguments gemm;
          gemm.m = together * task.columns;
          gemm.n = std::min(columns, task.outputs - j);
          gemm.k = block.length;
          gemm.segments = block.segments;
          gemm.a = a + r * tasks_.row_step() + block.begin;
          gemm.a_stride = tasks_.pixel_step();
          gemm.a_offsets = tasks_.offsets().data() + block.segment;
          gemm.b = panel + panels_.step_place(block.step);
          gemm.b_panel_stride = panels_.panel_stride();
          gemm.c = reinterpret_cast<decltype(gemm.c)>(static_cast<std::byte*>(operands.y) +
                                                      at * element);
          gemm.c_stride = g.out_pixel;
          typename Tiles::Held held;
          Tiles::set_end(operands, facts_, {channel + j, at, g.outputs, first, last}, &held, &gemm);
          if constexpr (Tiles::kRuns) {
            const bool one = tasks_.row_step() == task.columns * tasks_.pixel_step();
            gemm.run = one ? gemm.m : task.columns;
            gemm.a_run_stride = tasks_.row_step();
          }
          if constexpr (Tiles::kPrefetches) {
            gemm.prefetch = nullptr;
            if (!last)
              gemm.prefetch = panel + panels_.step_place((&block + 1)->step);
            else if (j + columns < task.outputs)
              gemm.prefetch = weights + panels_.place(task.first_output + j + columns);
            gemm.prefetched = r * ceil_div(task.columns, static_cast<size_t>(kernel_.mr));
          }
          kernel_.run(gemm);
        }
      }
    }
  }

 private:
  using Weight = typename Tiles::Weight;

  const Kernel& kernel_;
  ProductTasks tasks_;
  Panels<typename Tiles::Panel> panels_;
  WeightFacts facts_;
  std::vector<DepthBlock> blocks_;
};

template <typename Tiles>
bool suits(const Product& product, IsaSet) {
  return product.x == Tiles::kInput;
}

template <typename Tiles>
PreparedWeights prepare(const Product& product, const std::byte* weights, const int32_t* bias,
                        IsaSet isa, MemoryBudget& memory) {
  const auto& kernel = Tiles::select(isa, {}, false);
  PreparedWeights prepared = in_form(kernel.form, product, Tiles::kWeight, weights, memory);
  prepared.facts = Tiles::facts(product, prepared, bias, isa);
  if (Tiles::wants_column_sums(kernel, product)) {
    memory.take_weights(uint64_t{product.shape.outputs} * sizeof(int32_t));
    prepared.column_sums = column_sums(product, prepared);
  }
  return prepared;
}

template <typename Tiles>
std::unique_ptr<ProductPlan> plan(const Product& product, const WeightFacts& facts, IsaSet isa,
                                  int threads) {
  // Whether taps are read together depends on the elements alone.
  const auto& any = Tiles::select(isa, {}, false);
  const bool merged =
      ProductTasks(product.shape, tile_of<Tiles>(any, product.shape), threads).merges_taps();
  return std::make_unique<TilesPlan<Tiles>>(Tiles::select(isa, facts, merged), product.shape, facts,
                                            threads);
}

template <typename Tiles>
constexpr ProductMethod method = {suits<Tiles>, Form::k1n16, prepare<Tiles>, plan<Tiles>};

}  // namespace

extern const ProductMethod tiles_f32_method = method<FloatTiles>;
extern const ProductMethod tiles_i8_method = method<ByteTiles>;
extern const ProductMethod tiles_i16_method = method<WordTiles>;

}  // namespace edgert
