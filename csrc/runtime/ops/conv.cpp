#include <memory>

#include "core/memory.h"
#include "kernels/dwconv_f32/dwconv_f32.h"
#include "runtime/conv_gemm.h"
#include "runtime/conv_shape.h"
#include "runtime/conv_winograd.h"
#include "runtime/depthwise.h"
#include "runtime/op.h"

namespace edgert {
namespace {

TensorType infer(const NodeTypes& node) {
  const ConvAttrs& attrs = node.attrs<ConvAttrs>();
  for (int i : {0, 1}) node.require_dtype(i, DType::f32);
  const Shape out = infer_conv(node, ConvWindow(attrs));
  node.require_activation(attrs.activation);
  if (node.has(2)) node.require(2, DType::f32, {out[3]});
  if (node.has(3)) node.require(3, DType::f32, {out[0], out[1], out[2], out[3]});
  return {DType::f32, out};
}

Layout layout_for(const ConvAttrs& attrs, const Shape& x, const Shape& w) {
  if (is_depthwise(ConvWindow(attrs), x, w)) return Layout::kn;
  return attrs.groups == 1 || w[0] / attrs.groups % kPanelWidth == 0 ? Layout::k1n16 : Layout::row;
}

Layout weight_layout(const NodeTypes& node) {
  return layout_for(node.attrs<ConvAttrs>(), node.shape(0), node.shape(1));
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
  set_geometry(g, &base);
  base.activation = attrs.activation;

  const DepthwiseTasks tasks(g, kPanelWidth, context.threads);
  const size_t taps = g.kernel[0] * g.kernel[1];
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
    run.pool().parallel_for(tasks.count(), [&](size_t index, int) {
      const DepthwiseTasks::Task task = tasks.task(index);
      DwconvF32 d = base;
      d.channels = task.channels;
      d.x = run.tensor<float>(t.x) + task.x;
      d.y = run.tensor<float>(t.y) + task.y;
      d.w = w + task.channel;
      d.bias = t.bias == kNone ? nullptr : run.tensor<float>(t.bias) + task.channel;
      d.residual = t.residual == kNone ? nullptr : run.tensor<float>(t.residual) + task.y;
      d.row_begin = task.row_begin;
      d.row_end = task.row_end;
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
  const ConvGeometry g = conv_geometry(ConvWindow(attrs), x, w, context.output().type.shape);
  const Layout layout = layout_for(attrs, x, w);
  if (layout == Layout::k1n16 && context.input(1)->data != nullptr && ConvWinograd::suits(g))
    return bind_winograd(context, g);
  return layout == Layout::kn ? bind_depthwise(context, g) : bind_gemm(context, g, layout);
}

}  // namespace

// The output may lie over the residual: each element is read before it is written.
extern const OpDef conv_op = {infer, bind, 1 << 3, false, weight_layout};

}  // namespace edgert
