#include <algorithm>
#include <limits>
#include <type_traits>
#include <vector>

#include "kernels/kernel.h"
#include "kernels/reduce_f32/reduce_f32.h"
#include "runtime/op.h"
#include "runtime/split.h"

namespace edgert {
namespace {

// A pass folds at most this many elements into one, so that long sums are accurate and can be split
// over threads: an axis that is longer takes several passes. The numbers fix the order of a sum.
constexpr size_t kRowBlock = 8192;    // elements that are contiguous
constexpr size_t kColumnBlock = 256;  // elements that are not
constexpr size_t kColumns = 256;      // that a task takes side by side

// [outer][count][inner] -> [outer][blocks][inner]
struct Pass {
  size_t outer, count, inner, block;
  size_t blocks() const { return std::max<size_t>(1, (count + block - 1) / block); }
  size_t results() const { return outer * blocks() * inner; }
};

// A part of a pass: x[outer][count][inner], with strides, to contiguous y[outer][inner].
template <typename T>
struct Part {
  size_t outer, count, inner;
  const T* x;
  size_t outer_stride, stride;
  T* y;
};

OutputTypes infer(const NodeTypes& node) {
  const ReduceAttrs& attrs = node.attrs<ReduceAttrs>();
  const DType dtype = node.input(0).dtype;
  const Shape& x = node.shape(0);
  if (dtype != DType::f32 && dtype != DType::i32 && dtype != DType::i64)
    node.fail("DTYPE", "input 0 is %s, expected float32, int32 or int64", dtype_name(dtype));
  switch (static_cast<ReduceFn>(attrs.fn)) {
#define REDUCTION(name, id) case ReduceFn::name:
#include "schema/functions.def"
    break;
    default:
      node.fail("ATTR", "unknown function %d", attrs.fn);
  }
  if (attrs.axes < 0 || attrs.axes >> x.rank != 0)
    node.fail("ATTR", "axes are 0x%x, input 0 has shape %s", static_cast<unsigned>(attrs.axes),
              to_string(x).c_str());
  if (attrs.keep_dims != 0 && attrs.keep_dims != 1)
    node.fail("ATTR", "keep_dims is %d, expected 0 or 1", attrs.keep_dims);
  TensorType out{dtype, {}};
  for (int i = 0; i < x.rank; ++i) {
    const bool reduced = attrs.axes >> i & 1;
    if (!reduced || attrs.keep_dims) out.shape[out.shape.rank++] = reduced ? 1 : x[i];
  }
  return out;
}

// The passes that reduce the axes, neighbouring ones together, from the last to the first.
std::vector<Pass> plan(const Shape& x, int32_t axes) {
  std::vector<Pass> passes;
  size_t inner = 1;  // of what is left behind the axes at hand
  for (int last = x.rank; last > 0;) {
    const bool reduced = axes >> (last - 1) & 1;
    int first = last - 1;
    while (first > 0 && (axes >> (first - 1) & 1) == reduced) --first;
    size_t count = x.elements(first, last);
    last = first;
    if (!reduced) {
      inner *= count;
      continue;
    }
    const size_t outer = x.elements(0, first);
    do {
      passes.push_back({outer, count, inner, inner == 1 ? kRowBlock : kColumnBlock});
      count = passes.back().blocks();
    } while (count > 1);
  }
  if (passes.empty()) passes.push_back({1, 1, inner, kColumnBlock});  // a copy
  return passes;
}

template <typename T>
T neutral(ReduceFn fn) {
  switch (fn) {
    case ReduceFn::prod:
      return 1;
    case ReduceFn::max:
      return std::numeric_limits<T>::min();
    case ReduceFn::min:
      return std::numeric_limits<T>::max();
    default:
      return 0;
  }
}

// Sums and products wrap around; a mean is rounded towards zero, and 0 of nothing.
template <typename T>
void reduce_integers(ReduceFn fn, const Part<T>& p, T divisor) {
  using U = std::make_unsigned_t<T>;
  for (size_t o = 0; o < p.outer; ++o)
    for (size_t j = 0; j < p.inner; ++j) {
      T total = neutral<T>(fn);
      for (size_t i = 0; i < p.count; ++i) {
        const T value = p.x[o * p.outer_stride + i * p.stride + j];
        if (fn == ReduceFn::max)
          total = std::max(total, value);
        else if (fn == ReduceFn::min)
          total = std::min(total, value);
        else if (fn == ReduceFn::prod)
          total = static_cast<T>(static_cast<U>(total) * static_cast<U>(value));
        else
          total = static_cast<T>(static_cast<U>(total) + static_cast<U>(value));
      }
      p.y[o * p.inner + j] = divisor == 0 ? 0 : total / divisor;
    }
}

// Runs one pass; fold() does a part of it.
template <typename T, typename Fold>
void run_pass(ThreadPool& pool, const Pass& p, const T* x, T* y, const Fold& fold) {
  const size_t blocks = p.blocks(), chunks = (p.inner + kColumns - 1) / kColumns;
  const size_t extent = p.count * p.inner;
  if (blocks == 1 && chunks == 1)
    return split(pool, p.outer, extent * sizeof(T), [&](size_t first, size_t last) {
      fold(Part<T>{last - first, p.count, p.inner, x + first * extent, extent, p.inner,
                   y + first * p.inner});
    });
  const size_t task_elements = std::min(p.block, p.count) * std::min(kColumns, p.inner);
  split(pool, p.outer * blocks * chunks, task_elements * sizeof(T), [&](size_t first, size_t last) {
    for (size_t task = first; task < last; ++task) {
      const size_t column = task % chunks * kColumns;
      const size_t row = task / chunks;  // of the results
      const size_t start = row % blocks * p.block;
      fold(Part<T>{1, std::min(p.block, p.count - start), std::min(kColumns, p.inner - column),
                   x + row / blocks * extent + start * p.inner + column, extent, p.inner,
                   y + row * p.inner + column});
    }
  });
}

// fold(part, last) does a part of a pass, the last one or another.
template <typename T, typename Fold>
Step bind_passes(const BindContext& context, const char* kernel, const Fold& fold) {
  const Shape& shape = context.input(0)->type.shape;
  const std::vector<Pass> passes = plan(shape, context.attrs<ReduceAttrs>().axes);
  const size_t results = context.output().type.shape.elements();
  // Intermediate results alternate between two parts of the scratch memory.
  size_t bytes = 0;
  for (size_t i = 0; i + 1 < passes.size(); ++i)
    bytes = std::max(bytes, (passes[i].results() * sizeof(T) + 63) / 64 * 64);
  const uint32_t in = context.input_index(0), out = context.output_index();
  return {kernel, uint64_t{2} * bytes, [=](const RunContext& run) {
            if (results == 0) return;
            const T* x = run.tensor<T>(in);
            for (size_t i = 0; i < passes.size(); ++i) {
              const bool last = i + 1 == passes.size();
              T* const y =
                  last ? run.tensor<T>(out) : reinterpret_cast<T*>(run.scratch() + i % 2 * bytes);
              run_pass(run.pool(), passes[i], x, y, [&](const Part<T>& part) { fold(part, last); });
              x = y;
            }
          }};
}

// What the last pass divides by.
size_t divisor(const BindContext& context) {
  const ReduceAttrs& attrs = context.attrs<ReduceAttrs>();
  const Shape& x = context.input(0)->type.shape;
  size_t count = 1;
  for (int i = 0; i < x.rank; ++i)
    if (attrs.axes >> i & 1) count *= static_cast<size_t>(x[i]);
  return attrs.fn == static_cast<int32_t>(ReduceFn::mean) ? count : 1;
}

template <typename T>
Step bind_integer(const BindContext& context) {
  const ReduceFn fn = static_cast<ReduceFn>(context.attrs<ReduceAttrs>().fn);
  const T count = static_cast<T>(divisor(context));
  return bind_passes<T>(context, "portable", [=](const Part<T>& part, bool last) {
    reduce_integers<T>(fn, part, last ? count : T{1});
  });
}

Step bind(const BindContext& context) {
  const DType dtype = context.output().type.dtype;
  if (dtype == DType::i32) return bind_integer<int32_t>(context);
  if (dtype == DType::i64) return bind_integer<int64_t>(context);
  const ReduceFn fn = static_cast<ReduceFn>(context.attrs<ReduceAttrs>().fn);
  const float count = static_cast<float>(divisor(context));
  const Kernel<ReduceF32>& kernel = select_kernels(context.isa).reduce_f32;
  return bind_passes<float>(context, kernel.name,
                            [=, run_kernel = kernel.run](const Part<float>& p, bool last) {
                              run_kernel({fn, p.outer, p.count, p.inner, p.x, p.outer_stride,
                                          p.stride, p.y, last ? count : 1.0f});
                            });
}

}  // namespace

extern const OpDef reduce_op = {infer, bind};

}  // namespace edgert
