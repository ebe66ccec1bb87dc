#include "runtime/product/bind.h"
#include "runtime/quantized.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  node.require_rank(1, 2);
  require_factors(node, static_cast<uint64_t>(node.shape(1)[1]), 0);
  return infer_accumulator(node, node.attrs<QGemmAttrs>(), infer_matrix(node));
}

Form weight_form(const NodeTypes& node) { return matrix_form(node); }

bool reads_form(const NodeTypes& node, Form form) {
  return reads_sparse_weights(node, form, 1) || reads_packed_weights(node, form);
}

Step bind(const BindContext& context) {
  context.constant(1, context.input(1)->form);
  return bind_product_sums(context, matrix_shape(context), 0,
                           accumulator_output(context.attrs<QGemmAttrs>()));
}

}  // namespace

extern const OpDef qgemm_op = {infer,     bind, 1 << 4, false, weight_form, product_operations,
                               reads_form};

}  // namespace edgert
