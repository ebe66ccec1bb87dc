#include <algorithm>
#include <cmath>

#include "runtime/op.h"
#include "runtime/split.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  const TopKAttrs& attrs = node.attrs<TopKAttrs>();
  TensorType values = node.input(0);
  Shape& shape = values.shape;
  const DType dtype = values.dtype;
  if (dtype == DType::boolean || dtype == DType::f16 || dtype == DType::f64)
    node.fail("DTYPE", "input 0 is %s, expected float32 or integers", dtype_name(dtype));
  if (shape.rank < 1) node.fail("SHAPE", "the input has no axis");
  if (attrs.k < 0 || attrs.k > shape[shape.rank - 1])
    node.fail("ATTR", "k is %d, the last axis has %d elements", attrs.k, shape[shape.rank - 1]);
  if (attrs.smallest != 0 && attrs.smallest != 1)
    node.fail("ATTR", "smallest is %d, expected 0 or 1", attrs.smallest);
  shape[shape.rank - 1] = attrs.k;
  return {{values, {DType::i64, shape}}};
}

// A comparison costs as much as moving so many bytes for each byte that it looks at.
constexpr size_t kWork = 4;

// Whether a comes before b whatever their places. NaN, which is not itself, is the greatest.
template <typename T>
bool greater(T a, T b) {
  return a > b || (a != a && b == b);
}

template <typename T>
Step bind_type(const BindContext& context) {
  const Shape& shape = context.input(0)->type.shape;
  const size_t n = static_cast<size_t>(shape[shape.rank - 1]);
  const size_t rows = shape.elements(0, shape.rank - 1);
  const TopKAttrs attrs = context.attrs<TopKAttrs>();
  const size_t k = static_cast<size_t>(attrs.k);
  const uint32_t in = context.input_index(0);
  const uint32_t values = context.output_index(0), places = context.output_index(1);
  return {"top_k", 0, [=](const RunContext& run) {
            const auto body = [&](size_t first, size_t last) {
              for (size_t row = first; row < last; ++row) {
                const T* const x = run.tensor<T>(in) + row * n;
                T* const y = run.tensor<T>(values) + row * k;
                // A heap of the best so far, the worst of them on top.
                int64_t* const best = run.tensor<int64_t>(places) + row * k;
                const auto better = [&](int64_t i, int64_t j) {
                  const T a = x[i], b = x[j];
                  if (attrs.smallest ? greater(b, a) : greater(a, b)) return true;
                  return !(attrs.smallest ? greater(a, b) : greater(b, a)) && i < j;
                };
                for (size_t i = 0; i < n; ++i) {
                  const int64_t place = static_cast<int64_t>(i);
                  if (i >= k) {
                    if (!better(place, best[0])) continue;
                    std::pop_heap(best, best + k, better);
                  }
                  const size_t end = std::min(i, k - 1);
                  best[end] = place;
                  std::push_heap(best, best + end + 1, better);
                }
                std::sort_heap(best, best + k, better);
                for (size_t i = 0; i < k; ++i) y[i] = x[best[i]];
              }
            };
            split(run.pool(), rows, n * sizeof(T) * kWork, body);
          }};
}

// Each element may go down a heap.
double operations(const NodeTypes& node, const OutputTypes&) {
  return static_cast<double>(node.shape(0).elements()) *
         (1 + std::log2(1 + static_cast<double>(node.attrs<TopKAttrs>().k)));
}

Step bind(const BindContext& context) {
  switch (context.input(0)->type.dtype) {
    case DType::f32:
      return bind_type<float>(context);
    case DType::i64:
      return bind_type<int64_t>(context);
    case DType::i32:
      return bind_type<int32_t>(context);
    case DType::i16:
      return bind_type<int16_t>(context);
    case DType::i8:
      return bind_type<int8_t>(context);
    default:
      return bind_type<uint8_t>(context);
  }
}

}  // namespace

extern const OpDef top_k_op = {infer, bind, 0, false, nullptr, operations};

}  // namespace edgert
