#include <algorithm>
#include <memory>

#include "runtime/product/product.h"
#include "weights/forms.h"

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

OutputTypes infer(const NodeTypes& node) {
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

double operations(const NodeTypes& node, const OutputTypes& outputs) {
  const Shape& a = node.shape(0);
  return static_cast<double>(outputs[0].shape.elements()) * a[a.rank - 1];
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
  const uint32_t a_index = context.input_index(0), b_index = context.input_index(1);
  const uint32_t y_index = context.output_index();

  // One matrix on the right for all on the left: their rows are those of one tall matrix.
  const bool tall = b_matrices == 1;
  const size_t products = tall ? 1 : batch;
  // Many products: each is a task of its own. Few, or large ones, which would be long tasks: the
  // threads share each of them.
  constexpr double kLargeMacs = 1 << 26;
  const bool by_product = products >= static_cast<size_t>(context.threads) &&
                          static_cast<double>(m) * k * n < kLargeMacs;
  const bool constant = b_tensor.data != nullptr;
  const Product product = {DType::f32, DType::f32,
                           matrix_shape(tall ? a.elements(0, a.rank - 1) : m, k, n),
                           Form::kn,  // the depth comes first
                           constant};
  const ProductMethod& method = choose_method(product, context.isa);
  const std::shared_ptr<const ProductPlan> plan =
      method.plan(product, {}, context.isa, by_product ? 1 : context.threads);
  const WeightShape right = product.shape.weights();

  Step step;
  step.kernel = plan->kernel();
  const auto packed = std::make_shared<std::vector<PreparedWeights>>();  // of constants
  for (size_t i = 0; constant && i < b_matrices; ++i) {
    const std::byte* const matrix = context.constant(1, Form::row) + i * k * n * sizeof(float);
    packed->push_back(method.prepare(product, matrix, nullptr, context.isa, context.memory));
  }
  const size_t copies = by_product ? context.threads : 1;  // of the scratch below
  uint64_t room = 0;  // for a matrix on the right that the model computes
  if (!constant)
    room = round_up64(form_elements(method.computed_form, right) * sizeof(float), kAlignment);
  const uint64_t copy_room = room + plan->scratch_bytes();
  step.scratch_bytes = copies * copy_room;
  const size_t computed_bytes = static_cast<size_t>(room);
  const size_t copy_bytes = static_cast<size_t>(copy_room);

  step.run = [=](const RunContext& run) {
    const float* const b_data = run.tensor<float>(b_index);
    const auto operands = [&](size_t index, std::byte* scratch) {
      const size_t left = tall ? 0 : batch_index(a, out, index);
      const WeightView weights =
          constant ? (*packed)[tall ? 0 : batch_index(b, out, index)].view() : WeightView{scratch};
      return ProductOperands{run.tensor<float>(a_index) + left * m * k,
                             weights,
                             run.tensor<float>(y_index) + index * m * n,
                             {}};
    };
    // The panels first .. last - 1 of a product's matrix on the right, which the model computes.
    const auto pack_panels = [&](size_t index, std::byte* scratch, size_t first, size_t last) {
      const size_t matrix = tall ? 0 : batch_index(b, out, index);
      pack_transposed(right, b_data + matrix * k * n, reinterpret_cast<float*>(scratch), first,
                      last);
    };
    const size_t panels = constant ? 0 : panel_count(right);
    if (by_product) {
      run.pool().parallel_for(products, [&](size_t index, int thread) {
        std::byte* const scratch = run.scratch() + thread * copy_bytes;
        pack_panels(index, scratch, 0, panels);
        plan->run_alone(operands(index, scratch), scratch + computed_bytes);
      });
      return;
    }
    for (size_t index = 0; index < products; ++index) {
      if (!constant)
        run.pool().parallel_for(
            panels, [&](size_t p, int) { pack_panels(index, run.scratch(), p, p + 1); });
      plan->run(operands(index, run.scratch()), run.scratch() + computed_bytes, run.pool());
    }
  };
  return step;
}

}  // namespace

extern const OpDef matmul_op = {infer, bind, 0, false, nullptr, operations};

}  // namespace edgert
