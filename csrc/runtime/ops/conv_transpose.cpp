// Transposed convolution: a matrix multiplication gives what each input pixel adds to the output
// through each tap of the filter, then each output pixel gathers its terms. The products of a few
// input rows are held at a time.
#include <algorithm>
#include <memory>
#include <vector>

#include "kernels/col2im_f32/col2im_f32.h"
#include "kernels/kernel.h"
#include "runtime/product/bind.h"
#include "runtime/split.h"

namespace edgert {
namespace {

// The input positions times the taps of an axis, each an entry of a table.
constexpr int64_t kMaxTaps = int64_t{1} << 28;

OutputTypes infer(const NodeTypes& node) {
  const ConvTransposeAttrs& attrs = node.attrs<ConvTransposeAttrs>();
  node.require_dtype(0, DType::f32);
  node.require_dtype(1, DType::f32);
  node.require_rank(0, 4);
  node.require_rank(1, 2);
  node.require_activation(attrs.activation);
  const Shape &x = node.shape(0), &w = node.shape(1);
  if (attrs.groups < 1 || x[3] % attrs.groups != 0)
    node.fail("ATTR", "%d groups do not divide %d input channels", attrs.groups, x[3]);
  if (w[1] < 1 || w[1] != x[3] / attrs.groups)
    node.fail("SHAPE", "the filter has %d input channels, expected %d (%d in %d groups)", w[1],
              x[3] / attrs.groups, x[3], attrs.groups);

  Shape out = infer_transposed(node, TransposedWindow(attrs.kernel, attrs));
  for (int axis : {0, 1})
    if (int64_t{x[1 + axis]} * attrs.kernel[axis] > kMaxTaps)
      node.fail("LIMIT", "%d elements times %d taps along axis %d", x[1 + axis], attrs.kernel[axis],
                axis);
  const int64_t taps = int64_t{attrs.kernel[0]} * attrs.kernel[1];
  if (w[0] < 1 || w[0] % taps != 0 || w[0] / taps % attrs.groups != 0)
    node.fail("SHAPE", "the filter has %d rows, expected a multiple of %d groups of %d x %d taps",
              w[0], attrs.groups, attrs.kernel[0], attrs.kernel[1]);
  out[3] = static_cast<int32_t>(w[0] / taps);
  if (node.has(2)) node.require(2, DType::f32, {out[3]});
  Shape products = x;
  products[3] = w[0];
  if (!in_bounds({DType::f32, out}) || !in_bounds({DType::f32, products}))
    node.fail("LIMIT", "the output %s or the products %s are too large", to_string(out).c_str(),
              to_string(products).c_str());
  return {DType::f32, out};
}

Form weight_form(const NodeTypes& node) {
  return stored_form(DType::f32, DType::f32, node.shape(1)[0],
                     node.attrs<ConvTransposeAttrs>().groups);
}

// Where the products of an axis lie: those of input position i and tap k at i * position + k * tap.
struct Axis {
  std::vector<size_t> start, offset;  // as in Col2imAxis
  std::vector<int32_t> first, last;   // input positions that each output reads; last < first: none

  Axis(const ConvTransposeAttrs& attrs, int axis, int32_t size, int32_t out, size_t position,
       size_t tap)
      : start(static_cast<size_t>(out) + 1), first(out, size), last(out, -1) {
    const auto each = [&](auto visit) {
      for (int64_t k = 0; k < attrs.kernel[axis]; ++k)
        for (int64_t i = 0; i < size; ++i) {
          const int64_t at = i * attrs.strides[axis] + k * attrs.dilations[axis] - attrs.pads[axis];
          if (at >= 0 && at < out) visit(at, static_cast<int32_t>(i), static_cast<size_t>(k));
        }
    };
    each([&](int64_t at, int32_t i, size_t) {
      ++start[at + 1];
      first[at] = std::min(first[at], i);
      last[at] = std::max(last[at], i);
    });
    for (int32_t n = 0; n < out; ++n) start[n + 1] += start[n];
    offset.resize(start[out]);
    std::vector<size_t> next(start.begin(), start.end() - 1);
    each([&](int64_t at, int32_t i, size_t k) {
      offset[next[at]++] = static_cast<size_t>(i) * position + k * tap;
    });
  }
  // Memory that the constructor takes, at most.
  static uint64_t bytes(const ConvTransposeAttrs& attrs, int axis, int32_t size, int32_t out) {
    const uint64_t products =
        uint64_t{static_cast<uint32_t>(attrs.kernel[axis])} * static_cast<uint32_t>(size);
    return products * sizeof(size_t) +
           uint64_t{static_cast<uint32_t>(out)} * (2 * sizeof(size_t) + 2 * sizeof(int32_t));
  }
  Col2imAxis outputs(size_t begin, size_t end) const {
    return {start.data() + begin, offset.data(), end - begin};
  }
};

// Output rows [begin, end), which read the products of a strip of input rows.
struct Strip {
  size_t begin, end;
  size_t first_input;
};

// Rows of products held at a time: all that one output row reads, and more while they fit.
size_t strip_rows(const Axis& rows, size_t height, size_t row_bytes) {
  size_t most = 1;
  for (size_t r = 0; r < rows.first.size(); ++r)
    if (rows.first[r] <= rows.last[r])
      most = std::max(most, static_cast<size_t>(rows.last[r] - rows.first[r]) + 1);
  return std::min(height, std::max(most, cache_sizes().l2 / row_bytes));
}

std::vector<Strip> strips(const Axis& rows, size_t height, size_t held) {
  std::vector<Strip> list;
  const size_t out = rows.first.size();
  for (size_t begin = 0; begin < out;) {
    int32_t first = static_cast<int32_t>(height - held), last = -1;
    size_t end = begin;
    for (; end < out; ++end) {
      const int32_t low = std::min(first, rows.first[end]), high = std::max(last, rows.last[end]);
      if (high - low >= static_cast<int32_t>(held)) break;
      first = low;
      last = high;
    }
    list.push_back({begin, end, static_cast<size_t>(first)});
    begin = end;
  }
  return list;
}

struct ConvTranspose {
  BoundProduct multiply;  // a strip of input to its products
  Kernel<Col2imF32>::Fn gather;
  size_t images, groups, channels;       // channels of a group of the output
  size_t input_row, input_elements;      // of x
  size_t product_row, product_channels;  // a row of products; those of a group in a pixel
  size_t product_bytes;
  size_t out_width, out_channels;
  Axis rows, columns;
  std::vector<Strip> strips;
  Activation activation;
  uint32_t input, bias, output;

  void operator()(const RunContext& context) const {
    const float* const x = context.tensor<float>(input);
    for (size_t image = 0; image < images; ++image)
      for (const Strip& strip : strips) {
        float* const products = reinterpret_cast<float*>(context.scratch());
        multiply.plan->run({x + image * input_elements + strip.first_input * input_row,
                            multiply.weights.view(),
                            products,
                            {}},
                           context.scratch() + product_bytes, context.pool());
        gather_rows(context, image, strip, products);
      }
  }

  void gather_rows(const RunContext& context, size_t image, const Strip& strip,
                   const float* products) const {
    const float* const biases = context.tensor<float>(bias);
    const size_t out_row = out_width * out_channels;
    float* const y = context.tensor<float>(output) + image * (rows.first.size() * out_row);
    const size_t count = strip.end - strip.begin;
    const size_t row_bytes = product_row * sizeof(float) + out_row * sizeof(float);
    split(context.pool(), count, row_bytes, [&](size_t first, size_t last) {
      for (size_t g = 0; g < groups; ++g) {
        const size_t begin = strip.begin + first;
        gather({channels, rows.outputs(begin, strip.begin + last), columns.outputs(0, out_width),
                strip.first_input * product_row, products + g * product_channels,
                biases ? biases + g * channels : nullptr, y + begin * out_row + g * channels,
                out_channels, activation});
      }
    });
  }
};

Step bind(const BindContext& context) {
  const ConvTransposeAttrs& attrs = context.attrs<ConvTransposeAttrs>();
  const Shape &x = context.input(0)->type.shape, &w = context.input(1)->type.shape;
  const Shape& y = context.output().type.shape;
  const size_t products = w[0], groups = attrs.groups, group_products = products / groups;
  const size_t taps = static_cast<size_t>(attrs.kernel[0]) * attrs.kernel[1];
  const size_t channels = group_products / taps;
  const size_t product_row = x.elements(2, 3) * products;

  context.memory.take_tables(Axis::bytes(attrs, 0, x[1], y[1]) + Axis::bytes(attrs, 1, x[2], y[2]) +
                             uint64_t{y.elements(1, 2)} * sizeof(Strip));
  Axis rows(attrs, 0, x[1], y[1], product_row, attrs.kernel[1] * channels);
  Axis columns(attrs, 1, x[2], y[2], products, channels);
  const size_t held = strip_rows(rows, x[1], product_row * sizeof(float));
  std::vector<Strip> list = strips(rows, x[1], held);

  ProductShape strip;
  strip.height = strip.out_height = held;
  strip.width = strip.out_width = x[2];
  strip.channels = x[3];
  strip.outputs = products;
  strip.groups = groups;

  const Kernel<Col2imF32>& gather = select_kernels(context.isa).col2im_f32;
  const uint64_t products_end =
      round_up64(uint64_t{held} * product_row * sizeof(float), kAlignment);
  const size_t product_bytes = static_cast<size_t>(products_end);
  const auto step = std::make_shared<const ConvTranspose>(ConvTranspose{
      BoundProduct(context, product_of(context, strip),
                   context.constant(1, context.input(1)->form)),
      gather.run, x.elements(0, 1), groups, channels, x.elements(2, 4), x.elements(1, 4),
      product_row, group_products, product_bytes, y.elements(2, 3), y.elements(3, 4),
      std::move(rows), std::move(columns), std::move(list), attrs.activation,
      context.input_index(0), context.input_index(2), context.output_index()});
  return {std::string(step->multiply.plan->kernel()) + " + " + gather.name,
          products_end + step->multiply.plan->scratch_bytes(),
          [step](const RunContext& run) { (*step)(run); }};
}

}  // namespace

extern const OpDef conv_transpose_op = {infer, bind, 0, false, weight_form, transposed_operations};

}  // namespace edgert
