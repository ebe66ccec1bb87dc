#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "kernels/gemm_blocks/gemm_blocks.h"
#include "kernels/kernel.h"
#include "kernels/quantize_f32/quantize_f32.h"
#include "kernels/reduce_f32/reduce_f32.h"
#include "runtime/product/product.h"
#include "runtime/split.h"
#include "weights/packed/code_panels.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  const BlockGemmAttrs& attrs = node.attrs<BlockGemmAttrs>();
  node.require_dtype(0, DType::f32);
  node.require_dtype(1, DType::u8);
  const TensorType out{DType::f32, infer_matrix(node)};
  const int32_t outputs = node.shape(1)[0], depth = node.shape(1)[1];
  constexpr int32_t kLeast = kBlockStep, kMost = kMostBlock;
  if (attrs.block < kLeast || attrs.block > kMost || attrs.block % kLeast != 0)
    node.fail("ATTR", "blocks of %d elements, expected a multiple of %d up to %d", attrs.block,
              kLeast, kMost);
  if (depth == 0 || depth % kLeast != 0)
    node.fail("SHAPE", "the weights have depth %d, expected a multiple of %d", depth, kLeast);
  if (attrs.zero < 0 || attrs.zero > 255)
    node.fail("ATTR", "zero is %d, expected 0 to 255", attrs.zero);
  node.require_activation(attrs.activation);
  const int32_t blocks = (depth - 1) / attrs.block + 1;
  node.require(2, DType::f32, {blocks, outputs});
  if (node.has(3)) node.require(3, DType::u8, {blocks, outputs});
  if (node.has(4)) node.require(4, DType::f32, {outputs});
  if (!in_bounds(out))
    node.fail("LIMIT", "the output %s is too large", to_string(out.shape).c_str());
  return out;
}

Form weight_form(const NodeTypes& node) { return matrix_form(node); }

bool reads_form(const NodeTypes& node, Form form) {
  return node.input(1).dtype == DType::u8 && is_packed(form);
}

// What a run keeps of its inputs: their bytes, and of each block its scale and the sum of its
// bytes.
class Blocks {
 public:
  Blocks(IsaSet isa, size_t rows, size_t depth, size_t block)
      : reduce_(select_kernels(isa).reduce_f32.run),
        quantize_(select_kernels(isa).quantize_f32.run),
        rows_(rows),
        depth_(depth),
        block_(block),
        blocks_(ceil_div(depth, block)) {}

  uint64_t bytes() const { return at(3); }
  int8_t* elements(std::byte* scratch) const { return reinterpret_cast<int8_t*>(scratch); }
  float* scales(std::byte* scratch) const { return reinterpret_cast<float*>(scratch + at(1)); }
  int32_t* sums(std::byte* scratch) const { return reinterpret_cast<int32_t*>(scratch + at(2)); }
  size_t count() const { return blocks_; }  // of a row

  void quantize(const float* x, std::byte* scratch, ThreadPool& pool) const {
    split(pool, rows_, depth_ * kMoved, [=](size_t first, size_t last) {
      for (size_t i = first; i < last; ++i)
        quantize_row(x + i * depth_, elements(scratch) + i * depth_, scales(scratch) + i * blocks_,
                     sums(scratch) + i * blocks_);
    });
  }

 private:
  static constexpr size_t kMoved = 2 * sizeof(float) + 1;  // bytes per element

  size_t at(int part) const {
    const size_t elements = round_up(rows_ * depth_, kAlignment);
    const size_t numbers = round_up(rows_ * blocks_ * sizeof(float), kAlignment);
    return part == 0 ? 0 : elements + static_cast<size_t>(part - 1) * numbers;
  }

  // As ops.def says. `sums` holds the greatest elements until there are sums.
  void quantize_row(const float* x, int8_t* q, float* scales, int32_t* sums) const {
    const size_t whole = depth_ / block_, rest = depth_ % block_;
    float* const greatest = reinterpret_cast<float*>(sums);
    const auto reduce = [&](ReduceFn fn, float* to) {
      reduce_({fn, whole, block_, 1, x, block_, 1, to, 1.0f});
      if (rest > 0) reduce_({fn, 1, rest, 1, x + whole * block_, rest, 1, to + whole, 1.0f});
    };
    reduce(ReduceFn::min, scales);
    reduce(ReduceFn::max, greatest);
    for (size_t b = 0; b < blocks_; ++b, x += block_, q += block_) {
      const size_t n = b < whole ? block_ : rest;
      const float most = std::max(-scales[b], greatest[b]);
      if (!std::isfinite(scales[b]) || !std::isfinite(greatest[b])) {
        scales[b] = std::numeric_limits<float>::quiet_NaN();
        std::fill_n(q, n, int8_t{0});
      } else {
        scales[b] = std::max(most / 127.0f, 0x1p-126f);
        quantize_({n, x, DType::i8, q, scales[b], 0, 0, -128, 127});
      }
      int32_t sum = 0;
      for (size_t i = 0; i < n; ++i) sum += q[i];
      sums[b] = sum;
    }
  }

  Kernel<ReduceF32>::Fn reduce_;
  Kernel<QuantizeF32>::Fn quantize_;
  size_t rows_, depth_, block_, blocks_;
};

Step bind(const BindContext& context) {
  const BlockGemmAttrs attrs = context.attrs<BlockGemmAttrs>();
  const Tensor& w = *context.input(1);
  const std::byte* const weights = context.constant(1, w.form);
  const ProductShape shape = matrix_shape(context);
  const size_t rows = shape.width, depth = shape.channels, outputs = shape.outputs;
  const GemmBlocksKernel& kernel = select_gemm_blocks(context.isa, w.form);
  const Blocks blocks(context.isa, rows, depth, static_cast<size_t>(attrs.block));
  const CodePanels panels(w.form, shape.weights(), w.type.dtype);
  GemmBlocks all = {};
  all.b_panel_stride = panels.panel_stride();
  all.k = depth;
  all.block = static_cast<size_t>(attrs.block);
  all.zero = attrs.zero;
  all.stride = all.c_stride = outputs;
  all.activation = attrs.activation;
  // A task is some panels by some rows: worth a thread, and over in some milliseconds.
  constexpr size_t kMostRows = 64;
  const size_t task_rows = std::min(rows, kMostRows);
  const size_t worth = static_cast<size_t>(kernel.task_kmacs) * 1000;
  const size_t columns = CodePanels::whole_panels(worth / (task_rows * depth) + 1);
  const size_t column_tasks = ceil_div(outputs, columns);
  const size_t tasks = column_tasks * ceil_div(rows, task_rows);
  const uint32_t x = context.input_index(0), y = context.output_index();
  const uint32_t scales = context.input_index(2), zeros = context.input_index(3);
  const uint32_t bias = context.input_index(4);
  Step step;
  step.kernel = kernel.name;
  step.scratch_bytes = blocks.bytes();
  step.run = [=, run_kernel = kernel.run](const RunContext& run) {
    std::byte* const scratch = run.scratch();
    blocks.quantize(run.tensor<float>(x), scratch, run.pool());
    run.pool().parallel_for(tasks, [&](size_t task, int) {
      const size_t i = task / column_tasks * task_rows, j = task % column_tasks * columns;
      GemmBlocks g = all;
      g.m = std::min(task_rows, rows - i);
      g.n = std::min(columns, outputs - j);
      g.a = blocks.elements(scratch) + i * depth;
      g.a_scales = blocks.scales(scratch) + i * blocks.count();
      g.a_sums = blocks.sums(scratch) + i * blocks.count();
      g.b = panels.panel(weights, j);
      g.scales = run.tensor<float>(scales) + j;
      if (zeros != kNone) g.zeros = run.tensor<uint8_t>(zeros) + j;
      if (bias != kNone) g.bias = run.tensor<float>(bias) + j;
      g.c = run.tensor<float>(y) + i * outputs + j;
      run_kernel(g);
    });
  };
  return step;
}

}  // namespace

extern const OpDef block_gemm_op = {infer,     bind, 0, false, weight_form, product_operations,
                                    reads_form};

}  // namespace edgert
