#include "runtime/windows/pool.h"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "kernels/kernel.h"
#include "kernels/pool_f32/pool_f32.h"
#include "kernels/pool_int/pool_int.h"
#include "runtime/split.h"

namespace edgert {
namespace {

// The windows along the height (axis 0) or the width (axis 1) of an image.
struct Windows {
  int64_t size;  // of the input
  int64_t kernel, stride, dilation, before, after;
  bool ceil_mode;

  int64_t padded() const { return size + before + after; }
  int64_t extent() const { return (kernel - 1) * dilation + 1; }
  int64_t count() const {
    const int64_t room = padded() - extent();
    if (!ceil_mode) return room / stride + 1;
    const int64_t count = (room + stride - 1) / stride + 1;
    // A window must begin inside of the input or of the pads before it.
    return (count - 1) * stride < size + before ? count : count - 1;
  }
  // `counted` are the taps inside of the input, or of the padded input; never the overhang.
  PoolWindow window(int64_t index, bool count_pads) const {
    const int64_t start = index * stride - before;
    const int64_t skipped = start < 0 ? (-start + dilation - 1) / dilation : 0;
    const auto taps_below = [&](int64_t end) {
      return start >= end ? 0 : std::min(kernel, (end - start - 1) / dilation + 1);
    };
    const int64_t taps = std::max<int64_t>(0, taps_below(size) - skipped);
    return {static_cast<int32_t>(start + skipped * dilation), static_cast<int32_t>(taps),
            static_cast<int32_t>(count_pads ? taps_below(size + after) : taps)};
  }
};

Windows windows(const PoolAttrs& attrs, const Shape& image, int axis) {
  return {image[1 + axis],  attrs.kernel[axis],   attrs.strides[axis], attrs.dilations[axis],
          attrs.pads[axis], attrs.pads[2 + axis], attrs.ceil_mode != 0};
}

std::vector<PoolWindow> window_table(const PoolAttrs& attrs, const Shape& image, int axis) {
  const Windows w = windows(attrs, image, axis);
  std::vector<PoolWindow> table;
  table.reserve(static_cast<size_t>(w.count()));
  for (int64_t i = 0; i < w.count(); ++i)
    table.push_back(w.window(i, attrs.count_include_pad != 0));
  return table;
}

template <typename Args>
struct Pool {
  void (*kernel)(const Args&);
  Args args;  // all but its pointers
  std::vector<PoolWindow> rows, columns;
  size_t images, image_elements, input_bytes, output_bytes;  // of an element
  uint32_t input, output;

  void operator()(const RunContext& context) const {
    using X = std::remove_const_t<std::remove_reference_t<decltype(*args.x)>>;
    const std::byte* const x = context.tensor<std::byte>(input);
    std::byte* const y = context.tensor<std::byte>(output);
    const size_t row_elements = columns.size() * args.image.channels;
    const size_t row_reads = row_elements * rows[0].taps * columns[0].taps;
    split(context.pool(), images * rows.size(), row_reads * input_bytes,
          [&](size_t first, size_t last) {
            Args part = args;
            part.image.columns = columns.data();
            for (size_t row = first; row < last; row += part.image.row_count) {
              const size_t index = row / rows.size(), r = row % rows.size();
              part.image.rows = rows.data() + r;
              part.image.row_count = std::min(last - row, rows.size() - r);
              part.x = reinterpret_cast<const X*>(x + index * image_elements * input_bytes);
              part.y = reinterpret_cast<decltype(part.y)>(y + row * row_elements * output_bytes);
              kernel(part);
            }
          });
  }
};

// `args` has what is special to the kernel.
template <typename Args>
Step bind_windows(const BindContext& context, const PoolAttrs& attrs, const Kernel<Args>& kernel,
                  const Args& args) {
  const Shape &in = context.input(0)->type.shape, &out = context.output().type.shape;
  context.memory.take_tables((uint64_t{out.elements(1, 2)} + out.elements(2, 3)) *
                             sizeof(PoolWindow));
  Pool<Args> pool{kernel.run,
                  args,
                  window_table(attrs, in, 0),
                  window_table(attrs, in, 1),
                  in.elements(0, 1),
                  in.elements(1, 4),
                  dtype_bytes(context.input(0)->type.dtype),
                  dtype_bytes(context.output().type.dtype),
                  context.input_index(0),
                  context.output_index()};
  PoolImage& image = pool.args.image;
  image.channels = in.elements(3, 4);
  image.width = in.elements(2, 3);
  image.row_dilation = attrs.dilations[0];
  image.column_dilation = attrs.dilations[1];
  image.column_count = pool.columns.size();
  return {kernel.name, 0, std::move(pool)};
}

}  // namespace

Shape infer_windows(const NodeTypes& node, const PoolAttrs& attrs) {
  node.require_rank(0, 4);
  const Shape& in = node.shape(0);
  if (attrs.ceil_mode < 0 || attrs.ceil_mode > 1)
    node.fail("ATTR", "ceil_mode is %d, expected 0 or 1", attrs.ceil_mode);
  if (attrs.count_include_pad < 0 || attrs.count_include_pad > 1)
    node.fail("ATTR", "count_include_pad is %d, expected 0 or 1", attrs.count_include_pad);
  Shape out = in;
  for (int axis = 0; axis < 2; ++axis) {
    const Windows w = windows(attrs, in, axis);
    const char* const name = axis == 0 ? "height" : "width";
    if (w.kernel < 1 || w.stride < 1 || w.dilation < 1)
      node.fail("ATTR", "%s: kernel %d, stride %d and dilation %d must be positive", name,
                attrs.kernel[axis], attrs.strides[axis], attrs.dilations[axis]);
    if (w.before < 0 || w.before >= w.kernel || w.after < 0 || w.after >= w.kernel)
      node.fail("ATTR", "%s: pads %d and %d, expected 0 to %d, less than the kernel", name,
                attrs.pads[axis], attrs.pads[2 + axis], attrs.kernel[axis] - 1);
    if (w.extent() > w.padded())
      node.fail("ATTR", "%s: the window spans %lld, the padded input has %lld", name,
                static_cast<long long>(w.extent()), static_cast<long long>(w.padded()));
    const int64_t count = w.count();
    const auto require_taps = [&](int64_t i) {
      if (w.window(i, false).taps == 0)
        node.fail("ATTR", "%s: window %lld lies in the padding", name, static_cast<long long>(i));
    };
    // Of the windows that begin before the input, one is as far from it as that a dilation later,
    // modulo the dilation, which is what matters: there may be very many. The others begin inside.
    for (int64_t i = 0; i < std::min(count, w.dilation) && i * w.stride < w.before; ++i)
      require_taps(i);
    require_taps(count - 1);
    out[1 + axis] = node.output_dim(count);
  }
  return out;
}

Step bind_pool_f32(const BindContext& context, bool average) {
  PoolF32 args = {};
  args.average = average;
  return bind_windows(context, context.attrs<PoolAttrs>(), select_kernels(context.isa).pool_f32,
                      args);
}

Step bind_max_pool_int(const BindContext& context) {
  PoolInt args = {};
  args.dtype = context.output().type.dtype;
  args.output.dtype = static_cast<int32_t>(args.dtype);  // of i16: all that there are, as they are
  args.output.scale = 1;
  args.output.low = INT16_MIN;
  args.output.high = INT16_MAX;
  return bind_windows(context, context.attrs<PoolAttrs>(), select_kernels(context.isa).pool_int,
                      args);
}

Step bind_average_pool_int(const BindContext& context) {
  const QPoolAttrs& attrs = context.attrs<QPoolAttrs>();
  PoolInt args = {};
  args.average = true;
  args.dtype = context.input(0)->type.dtype;
  args.x_zero = attrs.x_zero;
  args.x_scale = attrs.x_scale;
  args.output = attrs.output;
  return bind_windows(context, attrs.pool, select_kernels(context.isa).pool_int, args);
}

}  // namespace edgert
