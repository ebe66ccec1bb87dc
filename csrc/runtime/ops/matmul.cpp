#include <algorithm>
#include <memory>

#include "core/memory.h"
#include "runtime/conv_gemm.h"
#include "runtime/op.h"

namespace edgert {
namespace {

// The dimensions before the last two, broadcast as numpy does it.
Shape broadcast_batch(const NodeTypes& node, const Shape& a, const Shape& b) {
  Shape out;
  out.rank = std::max(a.rank, b.rank);
  for (int i = 0; i < out.rank - 2; ++i) {
    const int ia = i - (out.rank - a.rank), ib = i - (out.rank - b.rank);
    const int32_t da = ia < 0 ? 1 : a[ia], db = ib < 0 ? 1 : b[ib];
    if (da != db && da != 1 && db != 1)
      node.fail("SHAPE", "cannot broadcast %s and %s", to_string(a).c_str(), to_string(b).c_str());
    out[i] = da == 1 ? db : da;
  }
  return out;
}

TensorType infer(const NodeTypes& node) {
  for (int i : {0, 1}) {
    node.require_dtype(i, DType::f32);
    if (node.shape(i).rank < 2)
      node.fail("SHAPE", "input %d has shape %s, expected at least rank 2", i,
                to_string(node.shape(i)).c_str());
  }
  const Shape &a = node.shape(0), &b = node.shape(1);
  if (a[a.rank - 1] != b[b.rank - 2])
    node.fail("SHAPE", "cannot multiply %s by %s", to_string(a).c_str(), to_string(b).c_str());
  TensorType out{DType::f32, broadcast_batch(node, a, b)};
  out.shape[out.shape.rank - 2] = a[a.rank - 2];
  out.shape[out.shape.rank - 1] = b[b.rank - 1];
  if (!in_bounds(out))
    node.fail("LIMIT", "the output %s is too large", to_string(out.shape).c_str());
  return out;
}

// Index of the matrix of an operand that meets matrix `index` of the output.
size_t batch_index(const Shape& operand, const Shape& out, size_t index) {
  size_t result = 0, stride = 1;
  for (int i = out.rank - 3; i >= 0; --i) {
    const size_t at = index % static_cast<size_t>(out[i]);
    index /= static_cast<size_t>(out[i]);
    const int axis = i - (out.rank - operand.rank);
    if (axis < 0) break;
    if (operand[axis] != 1) result += at * stride;
    stride *= static_cast<size_t>(operand[axis]);
  }
  return result;
}

Step bind(const BindContext& context) {
  const Tensor &a_tensor = *context.input(0), &b_tensor = *context.input(1);
  const Shape a = a_tensor.type.shape, b = b_tensor.type.shape, out = context.output().type.shape;
  const size_t m = a[a.rank - 2], k = a[a.rank - 1], n = b[b.rank - 1];
  const size_t batch = out.elements(0, out.rank - 2);
  const size_t b_matrices = b.elements(0, b.rank - 2);
  const size_t panel_size = panel_elements(n, k, 1);
  const uint32_t a_index = context.input_index(0), b_index = context.input_index(1);
  const uint32_t y_index = context.node.output;
  const auto panels_bytes = [&](size_t matrices) {
    return round_up(matrices * panel_size * sizeof(float), kAlignment);
  };

  ConvGeometry g;
  // One matrix on the right for all on the left: their rows are those of one tall matrix.
  const bool tall = b_matrices == 1;
  g.width = g.out_width = tall ? a.elements(0, a.rank - 1) : m;
  g.channels = k;
  g.outputs = n;
  const size_t products = tall ? 1 : batch;
  // Many products: each is a task of its own. Few, or large ones: the threads share each of them.
  const bool by_product =
      products >= static_cast<size_t>(context.threads) &&
      static_cast<double>(g.width) * k * n <= tile_of(select_gemm_f32(context.isa)).longest_macs();
  const auto conv =
      std::make_shared<const ConvGemm>(g, context.isa, by_product ? 1 : context.threads);

  Step step;
  step.kernel = conv->kernel();
  std::shared_ptr<Buffer> packed;  // of a constant right-hand side
  if (b_tensor.data != nullptr) {
    packed = std::make_shared<Buffer>(b_matrices * panel_size * sizeof(float));
    for (size_t i = 0; i < b_matrices; ++i)
      pack_panels(reinterpret_cast<const float*>(context.constant(1, Layout::row)) + i * k * n, n,
                  k, 1, n, reinterpret_cast<float*>(packed->data()) + i * panel_size);
    step.weight_bytes = packed->bytes();
  }
  const size_t copies = by_product ? context.threads : 1;  // of the scratch below
  const size_t own_panels = packed ? 0 : panels_bytes(1);
  const size_t copy_bytes = own_panels + conv->scratch_bytes();
  step.scratch_bytes = copies * copy_bytes;

  step.run = [=](const RunContext& run) {
    const float* const a_data = run.tensor<float>(a_index);
    const float* const b_data = run.tensor<float>(b_index);
    float* const y = run.tensor<float>(y_index);
    const auto operands = [&](size_t product, const float* panels) {
      return ConvOperands{a_data + (tall ? 0 : batch_index(a, out, product)) * m * k,
                          panels,
                          nullptr,
                          nullptr,
                          y + product * m * n,
                          Activation{}};
    };
    const auto constant_panels = [&](size_t matrix) {
      return reinterpret_cast<const float*>(packed->data()) + matrix * panel_size;
    };
    if (by_product) {
      run.pool().parallel_for(products, [&](size_t product, int thread) {
        std::byte* const scratch = run.scratch() + thread * copy_bytes;
        const size_t matrix = tall ? 0 : batch_index(b, out, product);
        const float* panels;
        if (packed != nullptr) {
          panels = constant_panels(matrix);
        } else {
          float* const to = reinterpret_cast<float*>(scratch);
          pack_panels(b_data + matrix * k * n, n, k, 1, n, to);
          panels = to;
        }
        conv->run_alone(operands(product, panels), scratch + own_panels);
      });
      return;
    }
    for (size_t product = 0; product < products; ++product) {
      const size_t matrix = tall ? 0 : batch_index(b, out, product);
      const float* panels;
      if (packed != nullptr) {
        panels = constant_panels(matrix);
      } else {
        float* const to = reinterpret_cast<float*>(run.scratch());
        run.pool().parallel_for(ceil_div(n, kPanelWidth), [&](size_t p, int) {
          const size_t column = p * kPanelWidth;
          pack_panels(b_data + matrix * k * n + column, std::min<size_t>(kPanelWidth, n - column),
                      k, 1, n, to + column * k);
        });
        panels = to;
      }
      conv->run(operands(product, panels), run.scratch() + own_panels, run.pool());
    }
  };
  return step;
}

}  // namespace

extern const OpDef matmul_op = {infer, bind};

}  // namespace edgert
