#include <type_traits>

#include "runtime/op.h"
#include "runtime/split.h"

namespace edgert {
namespace {

constexpr size_t kColumns = 256;  // that a task takes side by side

OutputTypes infer(const NodeTypes& node) {
  const CumulateAttrs& attrs = node.attrs<CumulateAttrs>();
  const DType dtype = node.input(0).dtype;
  if (dtype != DType::f32 && dtype != DType::i32 && dtype != DType::i64)
    node.fail("DTYPE", "input 0 is %s, expected float32, int32 or int64", dtype_name(dtype));
  if (attrs.fn != static_cast<int32_t>(ReduceFn::sum) &&
      attrs.fn != static_cast<int32_t>(ReduceFn::prod))
    node.fail("ATTR", "function %d, expected sum or prod", attrs.fn);
  if (attrs.axis < 0 || attrs.axis >= node.shape(0).rank)
    node.fail("ATTR", "axis is %d, the input has rank %d", attrs.axis, node.shape(0).rank);
  return node.input(0);
}

// Integers wrap around.
template <typename T>
T combine(bool multiplies, T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    using U = std::make_unsigned_t<T>;
    const U x = static_cast<U>(a), y = static_cast<U>(b);
    return static_cast<T>(multiplies ? x * y : x + y);
  } else {
    return multiplies ? a * b : a + b;
  }
}

template <typename T>
Step bind_type(const BindContext& context) {
  const CumulateAttrs attrs = context.attrs<CumulateAttrs>();
  const Shape& shape = context.output().type.shape;
  const bool multiplies = attrs.fn == static_cast<int32_t>(ReduceFn::prod);
  const size_t outer = shape.elements(0, attrs.axis);
  const size_t length = static_cast<size_t>(shape[attrs.axis]);
  const size_t inner = shape.elements(attrs.axis + 1, shape.rank);
  const size_t blocks = (inner + kColumns - 1) / kColumns;
  const uint32_t in = context.input_index(0), out = context.output_index();
  return {"portable", 0, [=](const RunContext& run) {
            const T* const all_x = run.tensor<T>(in);
            T* const all_y = run.tensor<T>(out);
            const auto body = [=](size_t first, size_t last) {
              for (size_t task = first; task < last; ++task) {
                const size_t column = task % blocks * kColumns;
                const size_t columns = std::min(kColumns, inner - column);
                const size_t start = task / blocks * length * inner + column;
                for (size_t i = 0; i < length; ++i) {
                  const T* const x = all_x + start + i * inner;
                  T* const y = all_y + start + i * inner;
                  for (size_t j = 0; j < columns; ++j)
                    y[j] = i == 0 ? x[j] : combine(multiplies, *(y + j - inner), x[j]);
                }
              }
            };
            split(run.pool(), outer * blocks, 2 * sizeof(T) * length * std::min(kColumns, inner),
                  body);
          }};
}

Step bind(const BindContext& context) {
  switch (context.output().type.dtype) {
    case DType::i64:
      return bind_type<int64_t>(context);
    case DType::i32:
      return bind_type<int32_t>(context);
    default:
      return bind_type<float>(context);
  }
}

}  // namespace

extern const OpDef cumulate_op = {infer, bind, 1};

}  // namespace edgert
