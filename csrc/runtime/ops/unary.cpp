#include <cstring>
#include <type_traits>

#include "kernels/kernel.h"
#include "kernels/unary_f32/unary_f32.h"
#include "runtime/op.h"
#include "runtime/split.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  const Activation& function = node.attrs<UnaryAttrs>().function;
  node.require_activation(function);
  const DType dtype = node.input(0).dtype;
  switch (static_cast<UnaryFn>(function.fn)) {
    case UnaryFn::identity:
      break;
    case UnaryFn::relu:
    case UnaryFn::neg:
    case UnaryFn::abs:
    case UnaryFn::sign:
      if (dtype != DType::f32 && dtype != DType::i32 && dtype != DType::i64)
        node.fail("DTYPE", "input 0 is %s, expected float32, int32 or int64", dtype_name(dtype));
      break;
    default:
      node.require_dtype(0, DType::f32);
  }
  return node.input(0);
}

template <typename T>
T apply(UnaryFn fn, T x) {
  const bool negates = fn == UnaryFn::neg || (fn == UnaryFn::abs && x < 0);
  if (fn == UnaryFn::sign) return static_cast<T>((x > 0) - (x < 0));
  // Unsigned: the least integer is its own negative.
  if (negates) return static_cast<T>(0 - static_cast<std::make_unsigned_t<T>>(x));
  return fn == UnaryFn::relu && x < 0 ? 0 : x;
}

template <typename T>
Step bind_integer(const BindContext& context) {
  const UnaryFn fn = static_cast<UnaryFn>(context.attrs<UnaryAttrs>().function.fn);
  const size_t n = context.output().type.shape.elements();
  const uint32_t in = context.input_index(0), out = context.output_index();
  return {"portable", 0, [=](const RunContext& run) {
            const T* const x = run.tensor<T>(in);
            T* const y = run.tensor<T>(out);
            split_elements(run.pool(), n, 2 * sizeof(T), [=](size_t first, size_t last) {
              for (size_t i = first; i < last; ++i) y[i] = apply(fn, x[i]);
            });
          }};
}

Step bind(const BindContext& context) {
  const TensorType& type = context.output().type;
  const uint32_t in = context.input_index(0), out = context.output_index();
  if (is_identity(context.attrs<UnaryAttrs>().function)) {
    const size_t bytes = type.bytes();
    return {"copy", 0, [=](const RunContext& run) {
              const std::byte* const x = run.tensor<std::byte>(in);
              std::byte* const y = run.tensor<std::byte>(out);
              if (x == y) return;
              split_elements(run.pool(), bytes, 2, [=](size_t first, size_t last) {
                std::memcpy(y + first, x + first, last - first);
              });
            }};
  }
  if (type.dtype == DType::i32) return bind_integer<int32_t>(context);
  if (type.dtype == DType::i64) return bind_integer<int64_t>(context);
  const Kernel<UnaryF32>& kernel = select_kernels(context.isa).unary_f32;
  const Activation function = context.attrs<UnaryAttrs>().function;
  const size_t n = type.shape.elements();
  return {kernel.name, 0, [=, run_kernel = kernel.run](const RunContext& run) {
            const float* const x = run.tensor<float>(in);
            float* const y = run.tensor<float>(out);
            split_elements(run.pool(), n, 2 * sizeof(float), [=](size_t first, size_t last) {
              run_kernel({last - first, x + first, y + first, function});
            });
          }};
}

}  // namespace

extern const OpDef unary_op = {infer, bind, 1};

}  // namespace edgert
