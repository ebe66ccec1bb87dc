// Transposed convolution of bytes, as ordinary convolutions of stride 1: output rows a stride apart
// have the same taps, and so have columns. The convolutions write side by side into the output.
#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>
#include <vector>

#include "runtime/product/bind.h"
#include "runtime/quantized.h"

namespace edgert {
namespace {

constexpr int64_t kMaxParts = 1024;  // convolutions

OutputTypes infer(const NodeTypes& node) {
  const QConvTransposeAttrs& attrs = node.attrs<QConvTransposeAttrs>();
  node.require_dtype(0, DType::u8);
  node.require_dtype(1, DType::i8);
  node.require_rank(1, 4);
  const Shape& w = node.shape(1);
  const int32_t kernel[2] = {w[1], w[2]};
  Shape out = infer_transposed(node, TransposedWindow(kernel, attrs));
  if (w[0] < 1 || w[3] < 1 || w[3] != out[3])
    node.fail("SHAPE", "the filter has shape %s, expected %d input channels", to_string(w).c_str(),
              out[3]);
  out[3] = w[0];
  Shape padded = node.shape(0);  // what a task may have to copy
  for (int axis : {0, 1}) {
    const int32_t stride = attrs.strides[axis], dilation = attrs.dilations[axis];
    if (kernel[axis] < stride || std::gcd(stride, dilation) != 1)
      node.fail("ATTR",
                "a kernel of %d, stride %d and dilation %d leave output pixels without taps",
                kernel[axis], stride, dilation);
    const int64_t reach = out[1 + axis] + int64_t{dilation} * kernel[axis];
    padded[1 + axis] = node.output_dim(reach / stride + 2);
  }
  if (int64_t{attrs.strides[0]} * attrs.strides[1] > kMaxParts)
    node.fail("LIMIT", "strides of %d x %d, expected a product of at most %d", attrs.strides[0],
              attrs.strides[1], static_cast<int>(kMaxParts));
  node.output_dim(int64_t{attrs.strides[1]} * w[0]);  // channels of columns that are made together
  if (!in_bounds({DType::u8, padded}))
    node.fail("LIMIT", "the padded input %s is too large", to_string(padded).c_str());
  require_zero(node, attrs.x_zero, DType::u8, "x_zero");
  return infer_sums(node, attrs.output, out);
}

// Outputs of an axis that have the same taps: first, first + stride, ... The taps are a stride
// apart, as the dilation has no common divisor with it, and what they read is a dilation apart.
struct Phase {
  size_t first, count;
  size_t tap, taps;  // the last one in the filter, which reads first, and how many there are
  size_t pad, skip;  // what the first output reads begins before the input, or that far in it

  bool reads_as(const Phase& o) const {
    return count == o.count && taps == o.taps && pad == o.pad && skip == o.skip;
  }
};

Phase phase_of(const BindContext& context, int axis, size_t first) {
  const QConvTransposeAttrs& attrs = context.attrs<QConvTransposeAttrs>();
  const int64_t stride = attrs.strides[axis], at = static_cast<int64_t>(first) + attrs.pads[axis];
  int64_t tap = context.input(1)->type.shape[1 + axis] - 1;
  while ((at - tap * attrs.dilations[axis]) % stride != 0) --tap;
  const int64_t read = (at - tap * attrs.dilations[axis]) / stride;
  const int64_t size = context.input(0)->type.shape[1 + axis];
  const size_t out = context.output().type.shape[1 + axis];
  return {first,
          ceil_div(out - first, stride),
          static_cast<size_t>(tap),
          static_cast<size_t>(tap / stride + 1),
          static_cast<size_t>(std::max<int64_t>(0, -read)),
          static_cast<size_t>(std::clamp<int64_t>(read, 0, size))};
}

// The convolution that makes the outputs of a phase of the rows and of `count` phases of the
// columns that read the same, whose outputs lie side by side, as channels of one pixel.
ProductShape shape_of(const BindContext& context, const Phase& row, const Phase& column,
                      size_t count) {
  const QConvTransposeAttrs& attrs = context.attrs<QConvTransposeAttrs>();
  const Shape &x = context.input(0)->type.shape, &y = context.output().type.shape;
  ProductShape g;
  g.batch = x[0];
  g.height = x[1];
  g.width = x[2];
  g.channels = x[3];
  g.out_height = row.count;
  g.out_width = column.count;
  g.outputs = count * y[3];
  const Phase* const phases[] = {&row, &column};
  for (int i : {0, 1}) {
    g.kernel[i] = phases[i]->taps;
    g.dilations[i] = attrs.dilations[i];
    g.pads[i] = phases[i]->pad;
    g.skip[i] = phases[i]->skip;
  }
  g.out_pixel = y.elements(3, 4) * attrs.strides[1];
  g.out_row = y.elements(2, 4) * attrs.strides[0];
  g.out_image = y.elements(1, 4);
  return g;
}

// Its weights in rows.
Buffer weights_of(const BindContext& context, const Phase& row, const Phase& column, size_t count) {
  const QConvTransposeAttrs& attrs = context.attrs<QConvTransposeAttrs>();
  const Tensor& filter = *context.input(1);
  const Shape& w = filter.type.shape;
  const size_t tap_bytes = w.elements(3, 4);
  Buffer rows(count * w.elements(0, 1) * row.taps * column.taps * tap_bytes);
  std::byte* to = rows.data();
  for (size_t c = 0; c < count; ++c) {
    const size_t last = phase_of(context, 1, column.first + c).tap;
    for (int32_t o = 0; o < w[0]; ++o)
      for (size_t i = 0; i < row.taps; ++i)
        for (size_t j = 0; j < column.taps; ++j, to += tap_bytes) {
          const size_t y = row.tap - i * attrs.strides[0], x = last - j * attrs.strides[1];
          std::memcpy(to, filter.data + o * w.stride(0) + y * w.stride(1) + x * w.stride(2),
                      tap_bytes);
        }
  }
  return rows;
}

struct Part {
  BoundProduct conv;
  size_t first_task;
  size_t y;                   // the first output
  std::vector<int32_t> bias;  // includes what the zero point of x contributes
  std::vector<float> multiplier;
};

std::shared_ptr<const Part> make_part(const BindContext& context, const Phase& row,
                                      const Phase& column, size_t count, size_t first_task) {
  const Buffer rows = weights_of(context, row, column, count);
  const ProductShape g = shape_of(context, row, column, count);
  const size_t outputs = g.outputs / count;
  const auto part = std::make_shared<Part>(
      Part{BoundProduct(context, product_of(context, g), rows.data()),
           first_task,
           row.first * context.output().type.shape.elements(2, 4) + column.first * outputs,
           {},
           std::vector<float>(g.outputs)});
  part->bias = column_sums(part->conv.product, part->conv.weights);
  const int32_t* const bias = reinterpret_cast<const int32_t*>(context.input(2)->data);
  const float* const multiplier = reinterpret_cast<const float*>(context.input(3)->data);
  const uint32_t x_zero = context.attrs<QConvTransposeAttrs>().x_zero;
  for (size_t i = 0; i < g.outputs; ++i) {
    part->multiplier[i] = multiplier[i % outputs];
    part->bias[i] = static_cast<int32_t>(static_cast<uint32_t>(bias[i % outputs]) -
                                         static_cast<uint32_t>(part->bias[i]) * x_zero);
  }
  return part;
}

Step bind(const BindContext& context) {
  const QConvTransposeAttrs& attrs = context.attrs<QConvTransposeAttrs>();
  const Shape &w = context.input(1)->type.shape, &y = context.output().type.shape;
  for (size_t i : {1, 2, 3}) context.constant(i, Form::row);
  const size_t rows = std::min(attrs.strides[0], y[1]), columns = std::min(attrs.strides[1], y[2]);
  const Phase column = phase_of(context, 1, 0);
  size_t together = columns;
  for (size_t c = 1; c < columns; ++c)
    if (!phase_of(context, 1, c).reads_as(column)) together = 1;

  std::vector<std::shared_ptr<const Part>> parts;
  size_t tasks = 0;
  uint64_t most = 0;  // scratch of a task
  Step step;
  for (size_t r = 0; r < rows; ++r)
    for (size_t c = 0; c < columns; c += together) {
      parts.push_back(
          make_part(context, phase_of(context, 0, r), phase_of(context, 1, c), together, tasks));
      const Part& part = *parts.back();
      tasks += part.conv.plan->tasks();
      most = std::max(most, part.conv.plan->task_bytes());
    }

  AccumulatorOutput out = {};
  out.output = attrs.output;
  out.small = has_small_results(context, w.elements(1, 4));
  const uint8_t x_zero = static_cast<uint8_t>(attrs.x_zero);
  const uint32_t input = context.input_index(0), output = context.output_index();
  step.kernel = parts[0]->conv.plan->kernel();
  step.scratch_bytes = static_cast<uint64_t>(context.threads) * most;
  const size_t task_bytes = static_cast<size_t>(most);
  step.run = [=](const RunContext& run) {
    run.pool().parallel_for(tasks, [&](size_t task, int thread) {
      size_t p = parts.size() - 1;
      while (parts[p]->first_task > task) --p;
      const Part& part = *parts[p];
      ProductOperands operands = {run.tensor<void>(input),
                                  part.conv.weights.view(),
                                  run.tensor<std::byte>(output) + part.y * output_bytes(out.output),
                                  {},
                                  out,
                                  x_zero};
      operands.sums.bias = part.bias.data();
      operands.sums.multiplier = part.multiplier.data();
      part.conv.plan->run_task(operands, task - part.first_task,
                               run.scratch() + thread * task_bytes);
    });
  };
  return step;
}

}  // namespace

extern const OpDef qconv_transpose_op = {infer, bind, 0, false, nullptr, transposed_operations};

}  // namespace edgert
