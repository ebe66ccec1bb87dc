#include "exact.h"

#include "runtime/op.h"

namespace edgert::fuzz {
namespace {

// Without a polynomial or a sum of products.
bool is_exact(const Activation& activation) {
  switch (static_cast<UnaryFn>(activation.fn)) {
    case UnaryFn::identity:
    case UnaryFn::relu:
    case UnaryFn::clip:
    case UnaryFn::leaky_relu:
    case UnaryFn::hard_swish:
    case UnaryFn::sqrt:
    case UnaryFn::neg:
    case UnaryFn::abs:
    case UnaryFn::floor:
    case UnaryFn::ceil:
    case UnaryFn::round:
    case UnaryFn::sign:
    case UnaryFn::sin:
    case UnaryFn::cos:
    case UnaryFn::softsign:
    case UnaryFn::thresholded_relu:
      return true;
    default:
      return false;
  }
}

bool is_exact(const Model& model, const Node& node) {
  const auto requantized = [&](const auto* attrs) { return is_exact(attrs->output.activation); };
  switch (node.op) {
    case Op::max_pool:
    case Op::transpose:
    case Op::reshape:
    case Op::concat:
    case Op::slice:
    case Op::gather:
    case Op::expand:
    case Op::tile:
    case Op::pad:
    case Op::cast:
    case Op::quantize:
    case Op::dequantize:
    case Op::lookup:
    case Op::top_k:
    case Op::select:
    case Op::cumulate:
    case Op::qsoftmax:
    case Op::qlayer_norm:
    case Op::signs:
      return true;
    case Op::resize:
      return model.tensors[node.inputs[0]].type.dtype != DType::f32;
    case Op::unary:
      return is_exact(static_cast<const UnaryAttrs*>(node.attrs)->function);
    case Op::dynamic_conv:
      return is_exact(static_cast<const ConvAttrs*>(node.attrs)->activation);
    case Op::dynamic_gemm:
      return is_exact(static_cast<const GemmAttrs*>(node.attrs)->activation);
    case Op::block_gemm:
      return is_exact(static_cast<const BlockGemmAttrs*>(node.attrs)->activation);
    case Op::bconv:
      return is_exact(static_cast<const BConvAttrs*>(node.attrs)->activation);
    case Op::bgemm:
      return is_exact(static_cast<const BGemmAttrs*>(node.attrs)->activation);
    case Op::qconv:
      return requantized(static_cast<const QConvAttrs*>(node.attrs));
    case Op::qgemm:
      return requantized(static_cast<const QGemmAttrs*>(node.attrs));
    case Op::qconv_transpose:
      return requantized(static_cast<const QConvTransposeAttrs*>(node.attrs));
    case Op::qbinary:
      return requantized(static_cast<const QBinaryAttrs*>(node.attrs));
    case Op::qaverage_pool:
      return requantized(static_cast<const QPoolAttrs*>(node.attrs));
    default:
      return model.tensors[node.outputs[0]].type.dtype != DType::f32;
  }
}

}  // namespace

std::vector<bool> exact_tensors(const Model& model) {
  std::vector<bool> exact(model.tensors.size(), true);
  for (const Node& node : model.nodes) {
    bool is = is_exact(model, node);
    for (uint32_t t : node.inputs) is = is && (t == kNone || exact[t]);
    for (uint32_t t : node.outputs) exact[t] = is;
  }
  return exact;
}

}  // namespace edgert::fuzz
