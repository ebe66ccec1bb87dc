#include "runtime/product/bind.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  node.require_dtype(0, DType::f32);
  node.require_dtype(1, DType::f32);
  TensorType out{DType::f32, infer_matrix(node)};
  node.require_activation(node.attrs<GemmAttrs>().activation);
  if (!in_bounds(out))
    node.fail("LIMIT", "the output %s is too large", to_string(out.shape).c_str());
  if (node.has(2)) node.require(2, DType::f32, {node.shape(1)[0]});
  if (node.has(3)) {
    node.require_dtype(3, DType::f32);
    if (node.shape(3) != out.shape)
      node.fail("SHAPE", "the residual has shape %s, expected %s", to_string(node.shape(3)).c_str(),
                to_string(out.shape).c_str());
  }
  return out;
}

Form weight_form(const NodeTypes& node) { return matrix_form(node); }

bool reads_form(const NodeTypes& node, Form form) { return reads_sparse_weights(node, form, 1); }

Step bind(const BindContext& context) {
  context.constant(1, context.input(1)->form);
  return bind_product_f32(context, matrix_shape(context), context.attrs<GemmAttrs>().activation);
}

}  // namespace

// The output may lie over the residual: each element is read before it is written.
extern const OpDef gemm_op = {infer,     bind, 1 << 3, false, weight_form, product_operations,
                              reads_form};

}  // namespace edgert
