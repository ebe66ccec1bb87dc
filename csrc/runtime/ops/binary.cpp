#include <algorithm>
#include <type_traits>

#include "kernels/binary_f32/binary_f32.h"
#include "kernels/kernel.h"
#include "runtime/movers/broadcast.h"
#include "runtime/op.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  const BinaryAttrs& attrs = node.attrs<BinaryAttrs>();
  node.require_activation(attrs.activation);
  const DType dtype = node.input(0).dtype;
  if (dtype != DType::f32 && dtype != DType::i32 && dtype != DType::i64)
    node.fail("DTYPE", "input 0 is %s, expected float32, int32 or int64", dtype_name(dtype));
  node.require_dtype(1, dtype);
  switch (static_cast<BinaryFn>(attrs.fn)) {
#define BINARY(name, id) case BinaryFn::name:
#include "schema/functions.def"
    break;
    default:
      node.fail("ATTR", "unknown function %d", attrs.fn);
  }
  if (dtype != DType::f32) {
    if (!is_identity(attrs.activation))
      node.fail("DTYPE", "an activation needs float32, not %s", dtype_name(dtype));
    if (attrs.fn == static_cast<int32_t>(BinaryFn::prelu)) node.require_dtype(0, DType::f32);
  }
  return {dtype, broadcast_shape(node)};
}

// x^y modulo 2^bits; the quotient, rounded towards zero, for negative y (0 of 0).
template <typename T>
T power(T x, T y) {
  using U = std::make_unsigned_t<T>;
  if (y < 0) return x == 1 ? 1 : x == -1 ? (y & 1 ? -1 : 1) : 0;
  U result = 1;
  for (U factor = static_cast<U>(x); y > 0; y >>= 1, factor *= factor)
    if (y & 1) result *= factor;
  return static_cast<T>(result);
}

// Integers wrap around; division is towards zero and gives 0 for a divisor of 0.
template <typename T>
T combine(BinaryFn fn, T a, T b) {
  using U = std::make_unsigned_t<T>;
  const U x = static_cast<U>(a), y = static_cast<U>(b);
  switch (fn) {
    case BinaryFn::add:
      return static_cast<T>(x + y);
    case BinaryFn::sub:
      return static_cast<T>(x - y);
    case BinaryFn::mul:
      return static_cast<T>(x * y);
    case BinaryFn::div:
      return b == 0 ? 0 : b == -1 ? static_cast<T>(0 - x) : a / b;
    case BinaryFn::pow:
      return power(a, b);
    case BinaryFn::max:
      return std::max(a, b);
    case BinaryFn::min:
      return std::min(a, b);
    case BinaryFn::prelu:
      break;  // float32 only
  }
  return 0;
}

template <typename T>
Step bind_integer(const BindContext& context, const Broadcast& shape) {
  const BinaryFn fn = static_cast<BinaryFn>(context.attrs<BinaryAttrs>().fn);
  const uint32_t in_a = context.input_index(0), in_b = context.input_index(1);
  const uint32_t out = context.output_index();
  return {"portable", 0, [=](const RunContext& run) {
            const T* const a = run.tensor<T>(in_a);
            const T* const b = run.tensor<T>(in_b);
            T* const y = run.tensor<T>(out);
            split_broadcast(run.pool(), shape, 3 * sizeof(T),
                            [=](size_t at, size_t rows, size_t columns, auto from_a, auto from_b) {
                              for (size_t r = 0; r < rows; ++r)
                                for (size_t j = 0; j < columns; ++j)
                                  y[at + r * columns + j] = combine(
                                      fn, a[from_a.offset + r * from_a.row + j * from_a.column],
                                      b[from_b.offset + r * from_b.row + j * from_b.column]);
                            });
          }};
}

Step bind(const BindContext& context) {
  const TensorType& type = context.output().type;
  const Broadcast shape(type.shape, context.input(0)->type.shape, context.input(1)->type.shape);
  if (type.dtype == DType::i32) return bind_integer<int32_t>(context, shape);
  if (type.dtype == DType::i64) return bind_integer<int64_t>(context, shape);
  const BinaryAttrs attrs = context.attrs<BinaryAttrs>();
  const Kernel<BinaryF32>& kernel = select_kernels(context.isa).binary_f32;
  const uint32_t in_a = context.input_index(0), in_b = context.input_index(1);
  const uint32_t out = context.output_index();
  return {kernel.name, 0, [=, run_kernel = kernel.run](const RunContext& run) {
            const float* const a = run.tensor<float>(in_a);
            const float* const b = run.tensor<float>(in_b);
            float* const y = run.tensor<float>(out);
            split_broadcast(run.pool(), shape, 3 * sizeof(float),
                            [=](size_t at, size_t rows, size_t columns, auto from_a, auto from_b) {
                              run_kernel({static_cast<BinaryFn>(attrs.fn),
                                          rows,
                                          columns,
                                          {a + from_a.offset, from_a.row, from_a.column},
                                          {b + from_b.offset, from_b.row, from_b.column},
                                          y + at,
                                          attrs.activation});
                            });
          }};
}

}  // namespace

extern const OpDef binary_op = {infer, bind, 3};

}  // namespace edgert
