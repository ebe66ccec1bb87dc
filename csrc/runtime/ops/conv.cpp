#include <algorithm>
#include <memory>

#include "core/memory.h"
#include "kernels/dwconv_f32/dwconv_f32.h"
#include "runtime/conv_gemm.h"
#include "runtime/conv_winograd.h"
#include "runtime/op.h"

namespace edgert {
namespace {

// Size of an output dimension; 0 if the filter does not fit.
int64_t output_size(int64_t in, int64_t kernel, int64_t stride, int64_t dilation, int64_t before,
                    int64_t after) {
  const int64_t room = in + before + after - ((kernel - 1) * dilation + 1);
  return room < 0 ? 0 : room / stride + 1;
}

TensorType infer(const NodeTypes& node) {
  const ConvAttrs& attrs = node.attrs<ConvAttrs>();
  for (int i : {0, 1}) {
    node.require_dtype(i, DType::f32);
    node.require_rank(i, 4);
  }
  const Shape &x = node.shape(0), &w = node.shape(1);
  for (int i = 0; i < 4; ++i) {
    if (w[i] < 1) node.fail("SHAPE", "the filter has shape %s", to_string(w).c_str());
    if (i > 0 && x[i] < 1) node.fail("SHAPE", "the input has shape %s", to_string(x).c_str());
    if (attrs.pads[i] < 0) node.fail("ATTR", "pad %d is %d", i, attrs.pads[i]);
  }
  for (int i : {0, 1})
    if (attrs.strides[i] < 1 || attrs.dilations[i] < 1)
      node.fail("ATTR", "stride %d and dilation %d along axis %d, expected at least 1",
                attrs.strides[i], attrs.dilations[i], i);
  const int32_t groups = attrs.groups;
  if (groups < 1 || x[3] % groups != 0 || w[0] % groups != 0)
    node.fail("ATTR", "%d groups do not divide %d input and %d output channels", groups, x[3],
              w[0]);
  if (w[3] != x[3] / groups)
    node.fail("SHAPE", "the filter has %d input channels, expected %d (%d in %d groups)", w[3],
              x[3] / groups, x[3], groups);
  node.require_activation(attrs.activation);

  TensorType out{DType::f32, {}};
  out.shape.rank = 4;
  out.shape[0] = x[0];
  out.shape[3] = w[0];
  TensorType padded = node.input(0);  // what a task may have to copy
  for (int i : {0, 1}) {
    const int64_t in = int64_t{x[1 + i]} + attrs.pads[i] + attrs.pads[2 + i];
    const int64_t size = output_size(x[1 + i], w[1 + i], attrs.strides[i], attrs.dilations[i],
                                     attrs.pads[i], attrs.pads[2 + i]);
    if (size < 1)
      node.fail("SHAPE", "a filter of %d with dilation %d does not fit into %lld along axis %d",
                w[1 + i], attrs.dilations[i], static_cast<long long>(in), i);
    if (in > INT32_MAX)
      node.fail("LIMIT", "the padded input has %lld rows or columns", static_cast<long long>(in));
    out.shape[1 + i] = static_cast<int32_t>(size);
    padded.shape[1 + i] = static_cast<int32_t>(in);
  }
  if (!in_bounds(out) || !in_bounds(padded))
    node.fail("LIMIT", "the padded input %s or the output %s is too large",
              to_string(padded.shape).c_str(), to_string(out.shape).c_str());
  if (node.has(2)) node.require_f32(2, {w[0]});
  if (node.has(3)) node.require_f32(3, {out.shape[0], out.shape[1], out.shape[2], out.shape[3]});
  return out;
}

Layout layout_for(const ConvAttrs& attrs, const Shape& x, const Shape& w) {
  if (attrs.groups > 1 && attrs.groups == x[3] && attrs.groups == w[0]) return Layout::kn;
  return attrs.groups == 1 || w[0] / attrs.groups % kPanelWidth == 0 ? Layout::k1n16 : Layout::row;
}

Layout weight_layout(const NodeTypes& node) {
  return layout_for(node.attrs<ConvAttrs>(), node.shape(0), node.shape(1));
}

ConvGeometry geometry_of(const ConvAttrs& attrs, const Shape& x, const Shape& w, const Shape& y) {
  ConvGeometry g;
  g.batch = x[0];
  g.height = x[1];
  g.width = x[2];
  g.channels = x[3];
  g.out_height = y[1];
  g.out_width = y[2];
  g.outputs = y[3];
  g.groups = attrs.groups;
  for (int i : {0, 1}) {
    g.kernel[i] = w[1 + i];
    g.strides[i] = attrs.strides[i];
    g.dilations[i] = attrs.dilations[i];
    g.pads[i] = attrs.pads[i];
  }
  return g;
}

// Rows to the transposed matrix, for a depthwise filter that is computed by the model.
void transpose(const float* rows, size_t n, size_t k, float* columns) {
  for (size_t p = 0; p < k; ++p)
    for (size_t j = 0; j < n; ++j) columns[p * n + j] = rows[j * k + p];
}

// Rows to panels that never hold outputs of two groups.
void pack_groups(const float* rows, size_t n, size_t k, size_t groups, float* panels) {
  for (size_t g = 0; g < groups; ++g)
    pack_panels(rows + g * (n / groups) * k, n / groups, k, k, 1,
                panels + g * panel_elements(n / groups, k, 1));
}

// Operands of a node.
struct Tensors {
  uint32_t x, w, bias, residual, y;
  explicit Tensors(const BindContext& context)
      : x(context.input_index(0)),
        w(context.input_index(1)),
        bias(context.input_index(2)),
        residual(context.input_index(3)),
        y(context.node.output) {}
};

Step bind_depthwise(const BindContext& context, const ConvGeometry& g) {
  const ConvAttrs& attrs = context.attrs<ConvAttrs>();
  const Tensors t(context);
  const DwconvF32Kernel& kernel = select_dwconv_f32(context.isa);
  const bool computed = context.input(1)->data == nullptr;
  if (!computed) context.constant(1, Layout::kn);

  DwconvF32 base = {};
  base.pixel_stride = base.w_stride = g.channels;
  base.height = g.height;
  base.width = g.width;
  base.out_width = g.out_width;
  for (int i : {0, 1}) {
    base.kernel[i] = g.kernel[i];
    base.strides[i] = g.strides[i];
    base.dilations[i] = g.dilations[i];
    base.pads[i] = g.pads[i];
  }
  base.activation = attrs.activation;

  // A few tasks per thread: rows first, since neighbouring rows share their input, then channels.
  const size_t taps = g.kernel[0] * g.kernel[1];
  const size_t macs = g.batch * g.out_height * g.out_width * g.channels * taps;
  constexpr size_t kTaskMacs = 50000;
  const size_t tasks =
      context.threads == 1 ? 1 : std::min<size_t>(context.threads * 4, macs / kTaskMacs + 1);
  const size_t wanted = ceil_div(tasks, std::max<size_t>(1, g.batch));
  const size_t row_blocks = std::min(ceil_div(g.out_height, 4), wanted);
  const size_t block_rows = ceil_div(g.out_height, row_blocks);
  const size_t block_channels =
      round_up(ceil_div(g.channels, ceil_div(wanted, row_blocks)), kPanelWidth);
  const size_t channel_blocks = ceil_div(g.channels, block_channels);

  Step step;
  step.kernel = kernel.name;
  step.scratch_bytes = computed ? taps * g.channels * sizeof(float) : 0;
  step.run = [=](const RunContext& run) {
    const float* w = run.tensor<float>(t.w);
    if (computed) {
      float* const columns = reinterpret_cast<float*>(run.scratch());
      transpose(w, g.channels, taps, columns);
      w = columns;
    }
    const size_t count = g.batch * ceil_div(g.out_height, block_rows) * channel_blocks;
    run.pool().parallel_for(count, [&](size_t task, int) {
      const size_t channel = task % channel_blocks * block_channels;
      const size_t row = task / channel_blocks % ceil_div(g.out_height, block_rows) * block_rows;
      const size_t image = task / channel_blocks / ceil_div(g.out_height, block_rows);
      const size_t out = image * g.out_height * g.out_width * g.channels + channel;
      DwconvF32 d = base;
      d.channels = std::min(block_channels, g.channels - channel);
      d.x = run.tensor<float>(t.x) + image * g.height * g.width * g.channels + channel;
      d.y = run.tensor<float>(t.y) + out;
      d.w = w + channel;
      d.bias = t.bias == kNone ? nullptr : run.tensor<float>(t.bias) + channel;
      d.residual = t.residual == kNone ? nullptr : run.tensor<float>(t.residual) + out;
      d.row_begin = row;
      d.row_end = std::min(row + block_rows, g.out_height);
      kernel.run(d);
    });
  };
  return step;
}

Step bind_gemm(const BindContext& context, const ConvGeometry& g, Layout layout) {
  const Activation activation = context.attrs<ConvAttrs>().activation;
  const Tensors t(context);
  const auto conv = std::make_shared<const ConvGemm>(g, context.isa, context.threads);
  const size_t depth = g.kernel[0] * g.kernel[1] * (g.channels / g.groups);
  const size_t packed_bytes = panel_elements(g.outputs, depth, g.groups) * sizeof(float);

  Step step;
  step.kernel = conv->kernel();
  step.scratch_bytes = conv->scratch_bytes();
  std::shared_ptr<Buffer> packed;  // weights that the file holds as rows
  size_t computed_bytes = 0;       // room for weights that the model computes
  if (context.input(1)->data == nullptr) {
    computed_bytes = round_up(packed_bytes, kAlignment);
    step.scratch_bytes += computed_bytes;
  } else if (context.constant(1, layout); layout == Layout::row) {
    packed = std::make_shared<Buffer>(packed_bytes);
    pack_groups(reinterpret_cast<const float*>(context.input(1)->data), g.outputs, depth, g.groups,
                reinterpret_cast<float*>(packed->data()));
    step.weight_bytes = packed_bytes;
  }
  step.run = [=](const RunContext& run) {
    const float* panels = run.tensor<float>(t.w);
    if (packed != nullptr) panels = reinterpret_cast<const float*>(packed->data());
    if (computed_bytes > 0) {
      float* const scratch = reinterpret_cast<float*>(run.scratch());
      pack_groups(panels, g.outputs, depth, g.groups, scratch);
      panels = scratch;
    }
    conv->run({run.tensor<float>(t.x), panels, run.tensor<float>(t.bias),
               run.tensor<float>(t.residual), run.tensor<float>(t.y), activation},
              run.scratch() + computed_bytes, run.pool());
  };
  return step;
}

Step bind_winograd(const BindContext& context, const ConvGeometry& g) {
  const Activation activation = context.attrs<ConvAttrs>().activation;
  const Tensors t(context);
  const auto conv = std::make_shared<const ConvWinograd>(g, context.isa, context.threads);
  const auto weights = std::make_shared<Buffer>(conv->weight_elements() * sizeof(float));
  float* const matrices = reinterpret_cast<float*>(weights->data());
  conv->transform_weights(reinterpret_cast<const float*>(context.constant(1, Layout::k1n16)),
                          matrices);
  Step step;
  step.kernel = conv->kernel();
  step.scratch_bytes = conv->scratch_bytes();
  step.weight_bytes = weights->bytes();
  step.run = [=](const RunContext& run) {
    conv->run({run.tensor<float>(t.x), reinterpret_cast<const float*>(weights->data()),
               run.tensor<float>(t.bias), run.tensor<float>(t.residual), run.tensor<float>(t.y),
               activation},
              run.scratch(), run.pool());
  };
  return step;
}

Step bind(const BindContext& context) {
  const ConvAttrs& attrs = context.attrs<ConvAttrs>();
  const Shape &x = context.input(0)->type.shape, &w = context.input(1)->type.shape;
  const ConvGeometry g = geometry_of(attrs, x, w, context.output().type.shape);
  const Layout layout = layout_for(attrs, x, w);
  if (layout == Layout::k1n16 && context.input(1)->data != nullptr && ConvWinograd::suits(g))
    return bind_winograd(context, g);
  return layout == Layout::kn ? bind_depthwise(context, g) : bind_gemm(context, g, layout);
}

}  // namespace

// The output may lie over the residual: each element is read before it is written.
extern const OpDef conv_op = {infer, bind, 1 << 3, false, weight_layout};

}  // namespace edgert
