#include <algorithm>
#include <type_traits>

#include "kernels/binary_f32/binary_f32.h"
#include "kernels/kernel.h"
#include "runtime/movers/elementwise.h"
#include "runtime/op.h"

namespace edgert {
namespace {

bool is_bitwise(int32_t fn) {
  return fn == static_cast<int32_t>(BinaryFn::bit_and) ||
         fn == static_cast<int32_t>(BinaryFn::bit_or) ||
         fn == static_cast<int32_t>(BinaryFn::bit_xor);
}

OutputTypes infer(const NodeTypes& node) {
  const BinaryAttrs& attrs = node.attrs<BinaryAttrs>();
  node.require_activation(attrs.activation);
  const DType dtype = node.input(0).dtype;
  if (dtype == DType::f16 || dtype == DType::f64)
    node.fail("DTYPE", "input 0 is %s, expected float32, integers or bool", dtype_name(dtype));
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
    if (dtype == DType::boolean && !is_bitwise(attrs.fn))
      node.fail("DTYPE", "function %d of booleans, expected bit_and, bit_or or bit_xor", attrs.fn);
  } else if (attrs.fn == static_cast<int32_t>(BinaryFn::modulo) || is_bitwise(attrs.fn)) {
    node.fail("DTYPE", "function %d needs integers, not float32", attrs.fn);
  }
  return {dtype, broadcast_shape(node)};
}

// For arithmetic modulo 2^bits: those of T, or more, as products in int would overflow.
template <typename T>
using Modular = std::conditional_t<sizeof(T) < 8, uint32_t, uint64_t>;

template <typename T>
bool is_negative(T x) {
  if constexpr (std::is_signed_v<T>) return x < 0;
  return false;
}

template <typename T>
bool is_minus_one(T x) {
  if constexpr (std::is_signed_v<T>) return x == -1;
  return false;
}

// x^y modulo 2^bits; the quotient, rounded towards zero, for negative y (0 of 0).
template <typename T>
T power(T x, T y) {
  if (is_negative(y)) return x == 1 ? 1 : is_minus_one(x) ? static_cast<T>(y & 1 ? -1 : 1) : 0;
  Modular<T> result = 1;
  for (Modular<T> factor = static_cast<Modular<T>>(x); y > 0; y >>= 1, factor *= factor)
    if (y & 1) result *= factor;
  return static_cast<T>(result);
}

// Integers wrap around; divisions give 0 for a divisor of 0.
template <typename T>
T combine(BinaryFn fn, T a, T b) {
  const Modular<T> x = static_cast<Modular<T>>(a), y = static_cast<Modular<T>>(b);
  switch (fn) {
    case BinaryFn::add:
      return static_cast<T>(x + y);
    case BinaryFn::sub:
      return static_cast<T>(x - y);
    case BinaryFn::mul:
      return static_cast<T>(x * y);
    case BinaryFn::div:
      return b == 0 ? 0 : is_minus_one(b) ? static_cast<T>(0 - x) : static_cast<T>(a / b);
    case BinaryFn::pow:
      return power(a, b);
    case BinaryFn::max:
      return std::max(a, b);
    case BinaryFn::min:
      return std::min(a, b);
    case BinaryFn::remainder:
      return b == 0 || is_minus_one(b) ? 0 : static_cast<T>(a % b);
    case BinaryFn::modulo: {
      if (b == 0 || is_minus_one(b)) return 0;
      const T rest = static_cast<T>(a % b);
      return rest != 0 && is_negative(rest) != is_negative(b) ? static_cast<T>(rest + b) : rest;
    }
    case BinaryFn::bit_and:
      return static_cast<T>(a & b);
    case BinaryFn::bit_or:
      return static_cast<T>(a | b);
    case BinaryFn::bit_xor:
      return static_cast<T>(a ^ b);
    case BinaryFn::prelu:
      break;  // float32 only
  }
  return 0;
}

Step bind_float(const BindContext& context) {
  const Broadcast<2> shape(context);
  const BinaryAttrs attrs = context.attrs<BinaryAttrs>();
  const Kernel<BinaryF32>& kernel = select_kernels(context.isa).binary_f32;
  const uint32_t in_a = context.input_index(0), in_b = context.input_index(1);
  const uint32_t out = context.output_index();
  return {kernel.name, 0, [=, run_kernel = kernel.run](const RunContext& run) {
            const float* const a = run.tensor<float>(in_a);
            const float* const b = run.tensor<float>(in_b);
            float* const y = run.tensor<float>(out);
            split_broadcast(run.pool(), shape, 3 * sizeof(float),
                            [=](size_t at, size_t rows, size_t columns, const auto& from) {
                              run_kernel({static_cast<BinaryFn>(attrs.fn),
                                          rows,
                                          columns,
                                          {a + from[0].offset, from[0].row, from[0].column},
                                          {b + from[1].offset, from[1].row, from[1].column},
                                          y + at,
                                          attrs.activation});
                            });
          }};
}

Step bind(const BindContext& context) {
  const DType dtype = context.output().type.dtype;
  if (dtype == DType::f32) return bind_float(context);
  const BinaryFn fn = static_cast<BinaryFn>(context.attrs<BinaryAttrs>().fn);
  return with_integer(dtype, [&](auto element) {
    using T = decltype(element);
    return bind_elementwise<T, T, T>(context, [fn](T a, T b) { return combine(fn, a, b); });
  });
}

}  // namespace

extern const OpDef binary_op = {infer, bind, 3};

}  // namespace edgert
