// Products by weights of which the blocks that are not zero are stored. Rows of a tile are output
// pixels, which lie in the lanes of vectors; the driver is one for all types of elements.
#include <algorithm>
#include <cmath>

#include "kernels/gemm_sparse_f32/gemm_sparse_f32.h"
#include "kernels/gemm_sparse_i8/gemm_sparse_i8.h"
#include "kernels/winograd_i8/winograd_i8.h"
#include "runtime/product/product.h"
#include "runtime/product/tasks.h"
#include "weights/facts.h"
#include "weights/forms.h"
#include "weights/sparse/blocks.h"

namespace edgert {
namespace {

struct SparseFloats {
  using Arguments = GemmSparseF32;
  using Kernel = GemmSparseF32Kernel;
  using Input = float;
  using Weight = float;
  static constexpr DType kInput = DType::f32, kWeight = DType::f32;
  static constexpr size_t kGroup = kSparseColumns;

  static Form form(const Product& product) { return product.form; }
  static const Kernel& select(IsaSet isa, Form, const WeightFacts&) {
    return select_gemm_sparse_f32(isa);
  }
  static bool wants_column_sums(const Kernel&) { return false; }
  static size_t scratch_bytes(size_t tile_rows, size_t depth) {
    return gemm_sparse_f32_scratch_bytes(tile_rows, depth);
  }
  // Where the bits differ, the form decides.
  static bool pays(const Product&, IsaSet) { return true; }
  static uint8_t pad(const ProductOperands&) { return 0; }
  static size_t output_bytes(const ProductOperands&) { return sizeof(float); }
  static void set_end(const ProductOperands& operands, size_t channel, size_t element,
                      GemmSparseF32* gemm) {
    const FloatOutput out = part_of(operands.f32, channel, element);
    gemm->bias = out.bias;
    gemm->residual = out.residual;
    gemm->activation = out.activation;
  }
};

struct SparseBytes {
  using Arguments = GemmSparseI8;
  using Kernel = GemmSparseI8Kernel;
  using Input = uint8_t;
  using Weight = int8_t;
  static constexpr DType kInput = DType::u8, kWeight = DType::i8;
  static constexpr size_t kGroup = kSparseGroup;

  // Single elements become blocks: the sums are the same.
  static Form form(const Product& product) {
    return product.form == Form::csr ? Form::bsr1x4 : product.form;
  }
  static const Kernel& select(IsaSet isa, Form form, const WeightFacts& facts) {
    return select_gemm_sparse_i8(isa, form, facts.within_taps);
  }
  static bool wants_column_sums(const Kernel& kernel) { return kernel.column_sums; }
  static size_t scratch_bytes(size_t tile_rows, size_t depth) {
    return gemm_sparse_i8_scratch_bytes(tile_rows, depth);
  }
  // The bits are those of dense weights: what takes longer is unpacked.
  static bool pays(const Product& product, IsaSet isa) {
    const ProductShape& g = product.shape;
    const WeightFit fit = product.facts.within_taps;
    const double elements = static_cast<double>(g.weights().elements());
    double stored = static_cast<double>(product.facts.blocks) *
                    Blocks(product.form, g.weights(), kWeight).block_elements();
    if (product.form != form(product))  // single elements: blocks in which one of four is there
      stored = elements * (1 - std::pow(1 - stored / elements, 4));
    const double pixels = static_cast<double>(g.batch * g.out_height * g.out_width);
    const Kernel& kernel = select_gemm_sparse_i8(isa, form(product), fit);
    // Vectors are filled up with pixels.
    constexpr double kFewPixels = 8, kOnePixel = 2;
    const double counted = pixels == 1 && kernel.one_row ? kOnePixel : std::max(pixels, kFewPixels);
    const double sparse = stored * counted / kernel.macs_per_cycle;
    const double all = elements * pixels;
    Product dense = product;
    dense.form = Form::row;
    const double cycles = winograd_i8_method.suits(dense, isa)
                              ? all * 4 / 9 / select_winograd_i8(isa)->macs_per_cycle
                              : all / select_gemm_i8(isa, WeightFit::kQuads).macs_per_cycle;
    return sparse < cycles;
  }
  static uint8_t pad(const ProductOperands& operands) { return operands.x_zero; }
  static size_t output_bytes(const ProductOperands& operands) {
    return edgert::output_bytes(operands.sums.output);
  }
  static void set_end(const ProductOperands& operands, size_t channel, size_t element,
                      GemmSparseI8* gemm) {
    gemm->out = part_of(operands.sums, channel, element);
    gemm->column_sums = operands.w.column_sums ? operands.w.column_sums + channel : nullptr;
  }
};

// Pixels whose columns the second cache holds.
template <typename Sparse>
size_t tile_rows(const typename Sparse::Kernel& kernel, const ProductShape& shape) {
  constexpr size_t kLeast = 16;
  const size_t depth = Blocks(kernel.form, shape.weights(), Sparse::kWeight).depth();
  size_t rows = static_cast<size_t>(kernel.mr);
  while (rows > kLeast && rows * depth * sizeof(typename Sparse::Input) > cache_sizes().l2 / 2)
    rows /= 2;
  return rows;
}

template <typename Sparse>
ProductTile tile_of(const typename Sparse::Kernel& kernel, const ProductShape& shape,
                    const WeightFacts& facts) {
  const Blocks blocks(kernel.form, shape.weights(), Sparse::kWeight);
  const double stored = static_cast<double>(facts.blocks) * blocks.block_elements();
  const double share = stored / std::max<double>(1, static_cast<double>(shape.outputs) *
                                                        static_cast<double>(blocks.depth()));
  ProductTile tile;
  tile.rows = tile_rows<Sparse>(kernel, shape);
  tile.columns = Sparse::kGroup;
  tile.element_bytes = sizeof(typename Sparse::Input);
  tile.tap_length = blocks.tap_length();
  // Counted as those of all weights.
  tile.task_macs = static_cast<size_t>(kernel.task_kmacs * 1000 / std::max(share, 0.05));
  tile.macs_per_cycle = static_cast<size_t>(kernel.macs_per_cycle);
  tile.spread = false;
  return tile;
}

template <typename Sparse>
class SparsePlan final : public ProductPlan {
 public:
  SparsePlan(const typename Sparse::Kernel& kernel, const ProductShape& shape,
             const WeightFacts& facts, int threads)
      : ProductPlan(kernel.name, threads),
        kernel_(kernel),
        tasks_(shape, tile_of<Sparse>(kernel, shape, facts), threads),
        blocks_(kernel.form, shape.weights(), Sparse::kWeight) {
    tile_rows_ = tile_rows<Sparse>(kernel, shape);
    const size_t scratch = round_up(Sparse::scratch_bytes(tile_rows_, blocks_.depth()), kAlignment);
    set_tasks(tasks_.count(), tasks_.window_bytes() + scratch);
  }

  void run_task(const ProductOperands& operands, size_t index, std::byte* window) const override {
    ProductTasks::Task task = tasks_.task(index);
    // Tasks that share pixels have as many blocks, not as many outputs.
    const size_t outputs = tasks_.shape().outputs, end = task.first_output + task.outputs;
    task.first_output = blocks_.part(task.first_output, outputs, Sparse::kGroup, operands.w.data);
    task.outputs = blocks_.part(end, outputs, Sparse::kGroup, operands.w.data) - task.first_output;
    if (task.outputs == 0) return;
    const std::byte* const input = tasks_.input(task, static_cast<const std::byte*>(operands.x),
                                                Sparse::pad(operands), window);
    const auto* const a = reinterpret_cast<const typename Sparse::Input*>(input);
    const ProductShape& g = tasks_.shape();
    const auto rows = blocks_.rows_from(blocks_.all_rows<typename Sparse::Weight>(operands.w.data),
                                        task.first_output);
    // Rows of pixels without gaps between them in the output are one call of the kernel.
    const size_t together = g.out_row == task.columns * g.out_pixel ? task.rows : 1;
    for (size_t r = 0; r < task.rows; r += together) {
      const size_t at = tasks_.output(task) + r * g.out_row;
      typename Sparse::Arguments gemm;
      gemm.m = together * task.columns;
      gemm.n = task.outputs;
      gemm.k = tasks_.segment_length();
      gemm.segments = tasks_.offsets().size();
      gemm.a = a + r * tasks_.row_step();
      gemm.run = task.columns;
      gemm.a_run_stride = tasks_.row_step();
      gemm.a_stride = tasks_.pixel_step();
      gemm.a_offsets = tasks_.offsets().data();
      gemm.tile_rows = tile_rows_;
      gemm.b = rows;
      gemm.c = reinterpret_cast<decltype(gemm.c)>(static_cast<std::byte*>(operands.y) +
                                                  at * Sparse::output_bytes(operands));
      gemm.c_stride = g.out_pixel;
      gemm.scratch = window + tasks_.window_bytes();
      Sparse::set_end(operands, tasks_.channel(task), at, &gemm);
      kernel_.run(gemm);
    }
  }

 private:
  const typename Sparse::Kernel& kernel_;
  ProductTasks tasks_;
  Blocks blocks_;
  size_t tile_rows_;
};

template <typename Sparse>
bool suits(const Product& product, IsaSet isa) {
  return is_sparse(product.form) && product.x == Sparse::kInput && Sparse::pays(product, isa);
}

template <typename Sparse>
PreparedWeights prepare(const Product& product, const std::byte* weights, const int32_t*,
                        IsaSet isa, MemoryBudget& memory) {
  const Form form = Sparse::form(product);
  PreparedWeights prepared = in_form(form, product, Sparse::kWeight, weights, memory);
  const WeightShape shape = product.shape.weights();
  prepared.facts = prepared.own.bytes() == 0
                       ? product.facts
                       : facts_of(form, Sparse::kWeight, shape, prepared.data);
  if (Sparse::wants_column_sums(Sparse::select(isa, form, prepared.facts))) {
    memory.take_weights(uint64_t{shape.outputs} * sizeof(int32_t));
    prepared.column_sums = Blocks(form, shape, Sparse::kWeight).sums(prepared.data);
  }
  return prepared;
}

template <typename Sparse>
std::unique_ptr<ProductPlan> plan(const Product& product, const WeightFacts& facts, IsaSet isa,
                                  int threads) {
  return std::make_unique<SparsePlan<Sparse>>(Sparse::select(isa, Sparse::form(product), facts),
                                              product.shape, facts, threads);
}

template <typename Sparse>
constexpr ProductMethod method = {suits<Sparse>, Form::row, prepare<Sparse>, plan<Sparse>};

}  // namespace

extern const ProductMethod sparse_f32_method = method<SparseFloats>;
extern const ProductMethod sparse_i8_method = method<SparseBytes>;

}  // namespace edgert
