#include "exact.h"

#include <algorithm>

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
    case Op::qsoftmax:
    case Op::qlayer_norm:
      return true;
    case Op::resize:
      return model.tensors[node.inputs[0]].type.dtype != DType::f32;
    case Op::unary:
      return is_exact(static_cast<const UnaryAttrs*>(node.attrs)->function);
    case Op::dynamic_conv:
      return is_exact(static_cast<const ConvAttrs*>(node.attrs)->activation);
    case Op::dynamic_gemm:
      return is_exact(static_cast<const GemmAttrs*>(node.attrs)->activation);
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
      return model.tensors[node.output].type.dtype != DType::f32;
  }
}

double elements(const Shape& shape, int first = 0) {
  double n = 1;
  for (int i = first; i < shape.rank; ++i) n *= shape[i];
  return n;
}

// Of an image that a window slides over, what one result may read.
double window(const Shape& x) { return x.rank == 4 ? double{1} * x[1] * x[2] : 1; }

double operations(const Model& model, const Node& node) {
  const auto shape = [&](size_t i) -> const Shape& {
    return model.tensors[node.inputs[i]].type.shape;
  };
  const double out = elements(model.tensors[node.output].type.shape);
  switch (node.op) {
    case Op::conv:
    case Op::gemm:
    case Op::qconv:
    case Op::qgemm:
    case Op::dynamic_conv:
    case Op::dynamic_gemm:
      return out * elements(shape(1), 1);
    case Op::conv_transpose:
    case Op::qconv_transpose:
      return elements(shape(0)) * elements(shape(1));
    case Op::matmul:
      return out * shape(0)[shape(0).rank - 1];
    case Op::max_pool:
    case Op::average_pool:
    case Op::qaverage_pool:
      return out * window(shape(0));
    case Op::lrn:
      return out * std::max(1, shape(0)[shape(0).rank - 1]);
    case Op::resize:
      return out * 16;
    default:
      return out;
  }
}

}  // namespace

std::vector<bool> exact_tensors(const Model& model) {
  std::vector<bool> exact(model.tensors.size(), true);
  for (const Node& node : model.nodes) {
    bool is = is_exact(model, node);
    for (uint32_t t : node.inputs) is = is && (t == kNone || exact[t]);
    exact[node.output] = is;
  }
  return exact;
}

double operations(const Model& model) {
  double sum = 0;
  for (const Tensor& tensor : model.tensors) sum += elements(tensor.type.shape);
  for (const Node& node : model.nodes) sum += operations(model, node);
  return sum;
}

}  // namespace edgert::fuzz
