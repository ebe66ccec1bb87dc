#include "runtime/product/product.h"

#include "weights/facts.h"
#include "weights/forms.h"
#include "weights/packed/code_panels.h"
#include "weights/sparse/blocks.h"

namespace edgert {

const ProductMethod& choose_method(const Product& product, IsaSet isa) {
#define METHOD(name) \
  if (name##_method.suits(product, isa)) return name##_method;
#include "runtime/product/methods.inc"
  __builtin_unreachable();  // tiles suit all products of their types
}

Form stored_form(DType x, DType w, size_t outputs, size_t groups, bool depthwise) {
  if (depthwise) return Form::kn;
  const bool panels = groups == 1 || K1N16::are_whole(outputs / groups);
  if (!panels || (x == DType::i16 && w == DType::i8)) return Form::row;
  if (w == DType::f32) return Form::k1n16;
  return w == DType::i16 ? Form::k2n16 : Form::k4n16;
}

Form conv_form(const NodeTypes& node, const ConvWindow& window) {
  const int32_t outputs = node.shape(1)[0], groups = window.groups;
  const bool depthwise = groups > 1 && groups == outputs && groups == node.shape(0)[3];
  return stored_form(node.input(0).dtype, node.input(1).dtype, outputs, groups, depthwise);
}

Form matrix_form(const NodeTypes& node) {
  return stored_form(node.input(0).dtype, node.input(1).dtype, node.shape(1)[0], 1);
}

bool reads_sparse_weights(const NodeTypes& node, Form form, int32_t groups) {
  const DType x = node.input(0).dtype, w = node.input(1).dtype;
  const bool floats = x == DType::f32 && w == DType::f32 && form == Form::csr;
  const bool bytes = x == DType::u8 && w == DType::i8 && is_sparse(form);
  return groups == 1 && (floats || bytes);
}

bool reads_packed_weights(const NodeTypes& node, Form form) {
  return node.input(1).dtype == DType::i8 && node.input(0).dtype != DType::i16 && is_packed(form);
}

double product_operations(const NodeTypes& node, const OutputTypes& outputs) {
  const Shape& w = node.shape(1);
  return static_cast<double>(outputs[0].shape.elements()) *
         static_cast<double>(w.elements(1, w.rank));
}

double transposed_operations(const NodeTypes& node, const OutputTypes& outputs) {
  return static_cast<double>(node.shape(0).elements(0, 3)) *
             static_cast<double>(node.shape(1).elements()) +
         static_cast<double>(outputs[0].shape.elements());
}

void ProductPlan::run(const ProductOperands& operands, std::byte* scratch, ThreadPool& pool) const {
  pool.parallel_for(tasks_, [&](size_t task, int thread) {
    run_task(operands, task, scratch + static_cast<size_t>(thread * task_bytes_));
  });
}

void ProductPlan::run_alone(const ProductOperands& operands, std::byte* scratch) const {
  for (size_t task = 0; task < tasks_; ++task) run_task(operands, task, scratch);
}

PreparedWeights in_form(Form form, const Product& product, DType element, const std::byte* weights,
                        MemoryBudget& memory) {
  PreparedWeights prepared;
  prepared.data = weights;
  if (product.form == form && product.w == element) return prepared;
  const WeightShape shape = product.shape.weights();
  Buffer unpacked;
  if (!is_ordered(product.form)) {
    const uint64_t bytes = uint64_t{shape.elements()} * dtype_bytes(product.w);
    memory.require(bytes);
    unpacked = Buffer(static_cast<size_t>(bytes));
    unpack(product.form, shape, product.w, weights, unpacked.data());
    weights = unpacked.data();
  }
  prepared.own = memory.allocate_weights(packed_bytes(form, shape, element, weights));
  std::byte* const to = prepared.own.data();
  if (product.form == form)
    pack(Form::row, shape, product.w, weights, element, to);
  else if (product.form == Form::kn)
    pack_transposed(shape, reinterpret_cast<const float*>(weights), reinterpret_cast<float*>(to), 0,
                    panel_count(shape));
  else
    pack(form, shape, product.w, weights, element, to);
  prepared.data = prepared.own.data();
  return prepared;
}

std::vector<int32_t> column_sums(const Product& product, const PreparedWeights& weights) {
  if (is_packed(product.form) && weights.own.bytes() == 0)
    return CodePanels(product.form, product.shape.weights(), DType::i8).sums(weights.data);
  return column_sums(Panels<K4N16>(product.shape.weights()),
                     reinterpret_cast<const int8_t*>(weights.data));
}

}  // namespace edgert
