#include "runtime/op.h"

#include <algorithm>
#include <cmath>
#include <cstdarg>

#include "core/text.h"
#include "weights/forms.h"

namespace edgert {
namespace {

[[noreturn]] void fail_node(Op op, const std::string& name, const char* rule, const char* text,
                            va_list args) {
  throw Error(ErrorCode::kFormat, rule,
              std::string(op_name(op)) + " " + quoted(name) + ": " + format_list(text, args));
}

}  // namespace

const OpDef& op_def(Op op) {
  switch (op) {
#define X(name, ...)              \
  case Op::name: {                \
    extern const OpDef name##_op; \
    return name##_op;             \
  }
#include "schema/ops.def"
#undef X
  }
  throw Error(ErrorCode::kUnsupported, "OP", format("operator %d", static_cast<int>(op)));
}

Step bind_node(const BindContext& context) {
  const std::vector<uint32_t>& outputs = context.node.outputs;
  if (std::all_of(outputs.begin(), outputs.end(),
                  [&](uint32_t t) { return context.model.tensors[t].type.shape.elements() == 0; }))
    return {"none", 0, [](const RunContext&) {}};
  return op_def(context.node.op).bind(context);
}

size_t attrs_bytes(Op op) {
  switch (op) {
#define X(name, id, attrs, ...) \
  case Op::name:                \
    return sizeof(attrs);
#include "schema/ops.def"
#undef X
  }
  return 0;
}

Arity op_arity(Op op) {
  switch (op) {
#define X(name, id, attrs, ...) \
  case Op::name:                \
    return {__VA_ARGS__};
#include "schema/ops.def"
#undef X
  }
  return {};
}

double count_operations(Op op, const NodeTypes& node, const OutputTypes& outputs) {
  const OpDef& def = op_def(op);
  if (def.alias) return 0;
  if (def.operations != nullptr) return def.operations(node, outputs);
  double count = 0;
  for (int i = 0; i < node.inputs(); ++i)
    if (node.has(i)) count += static_cast<double>(node.shape(i).elements());
  for (size_t i = 0; i < outputs.size(); ++i)
    count += static_cast<double>(outputs[i].shape.elements());
  return count;
}

Form constant_form(Op op, const NodeTypes& node, int i) {
  return op_arity(op).is_weight(i) ? op_def(op).weight_form(node) : Form::row;
}

bool may_have_form(Op op, const NodeTypes& node, int i, Form form) {
  const OpDef& def = op_def(op);
  return op_arity(op).is_weight(i) && def.reads_form != nullptr && def.reads_form(node, form);
}

void NodeTypes::fail(const char* rule, const char* text, ...) const {
  va_list args;
  va_start(args, text);
  fail_node(op_, name_, rule, text, args);
}

void NodeTypes::require_dtype(int i, DType dtype) const {
  if (input(i).dtype != dtype)
    fail("DTYPE", "input %d is %s, expected %s", i, dtype_name(input(i).dtype), dtype_name(dtype));
}

void NodeTypes::require_rank(int i, int rank) const {
  if (shape(i).rank != rank)
    fail("SHAPE", "input %d has shape %s, expected rank %d", i, to_string(shape(i)).c_str(), rank);
}

void NodeTypes::require(int i, DType dtype, std::initializer_list<int32_t> dims) const {
  require_dtype(i, dtype);
  Shape expected;
  for (int32_t dim : dims) expected[expected.rank++] = dim;
  if (shape(i) != expected)
    fail("SHAPE", "input %d has shape %s, expected %s", i, to_string(shape(i)).c_str(),
         to_string(expected).c_str());
}

void NodeTypes::require_activation(const Activation& activation) const {
  switch (static_cast<UnaryFn>(activation.fn)) {
#define UNARY(name, id) case UnaryFn::name:
#include "schema/functions.def"
    if (std::isnan(activation.alpha)) fail("ATTR", "alpha is not a number");
    if (std::isnan(activation.beta)) fail("ATTR", "beta is not a number");
    return;
  }
  fail("ATTR", "unknown function %d", activation.fn);
}

Shape NodeTypes::target_shape(const ShapeAttrs& attrs) const {
  if (attrs.rank < 0 || attrs.rank > kMaxRank) fail("ATTR", "rank is %d", attrs.rank);
  Shape shape;
  shape.rank = attrs.rank;
  uint64_t elements = 1;
  for (int i = 0; i < kMaxRank; ++i) {
    const int32_t dim = attrs.dims[i];
    if (i < attrs.rank ? dim < 0 : dim != 0) fail("ATTR", "dimension %d is %d", i, dim);
    shape[i] = dim;
    if (i < attrs.rank && __builtin_mul_overflow(elements, static_cast<uint64_t>(dim), &elements))
      fail("SHAPE", "shape %s has too many elements", to_string(shape).c_str());
  }
  return shape;
}

int32_t NodeTypes::output_dim(int64_t size) const {
  if (size < 0 || size > INT32_MAX)
    fail("SHAPE", "a dimension of the output would be %lld", static_cast<long long>(size));
  return static_cast<int32_t>(size);
}

void NodeTypes::require_unused_zero(const int32_t (&values)[kMaxRank],
                                    const char* attribute) const {
  for (int i = shape(0).rank; i < kMaxRank; ++i)
    if (values[i] != 0)
      fail("ATTR", "%s[%d] is %d, but the input has %d axes", attribute, i, values[i],
           shape(0).rank);
}

void BindContext::fail(const char* rule, const char* text, ...) const {
  va_list args;
  va_start(args, text);
  fail_node(node.op, output().name, rule, text, args);
}

const std::byte* BindContext::constant(size_t i, Form form) const {
  const Tensor* tensor = input(i);
  if (tensor->data == nullptr) fail("FORM", "input %zu must be a constant", i);
  if (tensor->form != form)
    fail("FORM", "input %zu has form %s, expected %s", i, form_name(tensor->form), form_name(form));
  return tensor->data;
}

}  // namespace edgert
