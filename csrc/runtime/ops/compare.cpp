#include "kernels/compare_f32/compare_f32.h"
#include "kernels/kernel.h"
#include "runtime/movers/elementwise.h"
#include "runtime/op.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  const int32_t fn = node.attrs<CompareAttrs>().fn;
  const DType dtype = node.input(0).dtype;
  if (dtype == DType::f16 || dtype == DType::f64)
    node.fail("DTYPE", "input 0 is %s, expected float32, integers or bool", dtype_name(dtype));
  node.require_dtype(1, dtype);
  switch (static_cast<CompareFn>(fn)) {
#define COMPARISON(name, id) case CompareFn::name:
#include "schema/functions.def"
    break;
    default:
      node.fail("ATTR", "unknown function %d", fn);
  }
  const bool orders = fn == static_cast<int32_t>(CompareFn::less) ||
                      fn == static_cast<int32_t>(CompareFn::less_or_equal);
  if (dtype == DType::boolean && orders) node.fail("DTYPE", "booleans have no order");
  return {DType::boolean, broadcast_shape(node)};
}

template <typename T>
bool holds(CompareFn fn, T a, T b) {
  switch (fn) {
    case CompareFn::equal:
      return a == b;
    case CompareFn::not_equal:
      return a != b;
    case CompareFn::less:
      return a < b;
    case CompareFn::less_or_equal:
      return a <= b;
  }
  return false;
}

Step bind_float(const BindContext& context) {
  const CompareFn fn = static_cast<CompareFn>(context.attrs<CompareAttrs>().fn);
  const Broadcast<2> shape(context);
  const Kernel<CompareF32>& kernel = select_kernels(context.isa).compare_f32;
  const uint32_t in_a = context.input_index(0), in_b = context.input_index(1);
  const uint32_t out = context.output_index();
  return {kernel.name, 0, [=, run_kernel = kernel.run](const RunContext& run) {
            const float* const a = run.tensor<float>(in_a);
            const float* const b = run.tensor<float>(in_b);
            uint8_t* const y = run.tensor<uint8_t>(out);
            split_broadcast(run.pool(), shape, 2 * sizeof(float) + 1,
                            [=](size_t at, size_t rows, size_t columns, const auto& from) {
                              run_kernel({fn,
                                          rows,
                                          columns,
                                          {a + from[0].offset, from[0].row, from[0].column},
                                          {b + from[1].offset, from[1].row, from[1].column},
                                          y + at});
                            });
          }};
}

Step bind(const BindContext& context) {
  const DType dtype = context.input(0)->type.dtype;
  if (dtype == DType::f32) return bind_float(context);
  const CompareFn fn = static_cast<CompareFn>(context.attrs<CompareAttrs>().fn);
  return with_integer(dtype, [&](auto element) {
    using T = decltype(element);
    return bind_elementwise<bool, T, T>(context, [fn](T a, T b) { return holds(fn, a, b); });
  });
}

}  // namespace

extern const OpDef compare_op = {infer, bind};

}  // namespace edgert
