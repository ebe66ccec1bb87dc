#include "runtime/product/dynamic.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  return infer_dynamic(node, node.attrs<GemmAttrs>().activation, infer_matrix(node));
}

Form weight_form(const NodeTypes& node) { return matrix_form(node); }

Step bind(const BindContext& context) {
  return bind_dynamic(context, matrix_shape(context), DynamicSet::kRow,
                      context.attrs<GemmAttrs>().activation);
}

}  // namespace

// The output may lie over x, which is read as bytes by then, or over the residual.
extern const OpDef dynamic_gemm_op = {
    infer, bind, 1 << 0 | 1 << 4, false, weight_form, product_operations, reads_packed_weights};

}  // namespace edgert
