#include "kernels/dwconv_i8/dwconv_i8.h"
#include "runtime/conv_gemm_i8.h"
#include "runtime/conv_shape.h"
#include "runtime/conv_winograd_i8.h"
#include "runtime/depthwise.h"
#include "runtime/quantized.h"

namespace edgert {
namespace {

TensorType infer(const NodeTypes& node) {
  const QConvAttrs& attrs = node.attrs<QConvAttrs>();
  node.require_dtype(0, DType::u8);
  node.require_dtype(1, DType::i8);
  require_zero(node, attrs.x_zero, DType::u8, "x_zero");
  return infer_accumulator(node, attrs, infer_conv(node, ConvWindow(attrs)));
}

Layout layout_for(const QConvAttrs& attrs, const Shape& x, const Shape& w) {
  if (is_depthwise(ConvWindow(attrs), x, w)) return Layout::kn;
  return attrs.groups == 1 || w[0] / attrs.groups % kPanelOutputs == 0 ? Layout::k4n16
                                                                       : Layout::row;
}

Layout weight_layout(const NodeTypes& node) {
  return layout_for(node.attrs<QConvAttrs>(), node.shape(0), node.shape(1));
}

Step bind_depthwise(const BindContext& context, const ConvGeometry& g) {
  const QConvAttrs& attrs = context.attrs<QConvAttrs>();
  const DwconvI8Kernel& kernel = select_dwconv_i8(context.isa);
  const AccumulatorTensors t(context);
  AccumulatorOutput out = accumulator_output(attrs);
  out.small = has_small_results(context, g.kernel[0] * g.kernel[1]);
  const DepthwiseTasks tasks(g, static_cast<size_t>(kernel.block), context.threads);

  DwconvI8 base = {};
  set_geometry(g, &base);
  base.x_zero = static_cast<uint8_t>(attrs.x_zero);
  base.w = reinterpret_cast<const int8_t*>(context.constant(1, Layout::kn));

  const size_t scratch = round_up(dwconv_i8_scratch_bytes(kernel, base), kAlignment);
  Step step;
  step.kernel = kernel.name;
  step.scratch_bytes = static_cast<size_t>(context.threads) * scratch;
  step.run = [=](const RunContext& run) {
    run.pool().parallel_for(tasks.count(), [&](size_t index, int thread) {
      const DepthwiseTasks::Task task = tasks.task(index);
      DwconvI8 d = base;
      d.channels = task.channels;
      d.x = run.tensor<uint8_t>(t.x) + task.x;
      d.y = run.tensor<std::byte>(t.y) + task.y * output_bytes(out.output);
      d.w += task.channel;
      d.out = t.bound(out, run);
      d.out.bias += task.channel;
      d.out.multiplier += task.channel;
      if (d.out.residual) d.out.residual += task.y;
      d.row_begin = task.row_begin;
      d.row_end = task.row_end;
      d.scratch = run.scratch() + thread * scratch;
      kernel.run(d);
    });
  };
  return step;
}

Step bind(const BindContext& context) {
  const QConvAttrs& attrs = context.attrs<QConvAttrs>();
  const ConvWindow window(attrs);
  const Shape &x = context.input(0)->type.shape, &w = context.input(1)->type.shape;
  const ConvGeometry geometry = conv_geometry(window, x, w, context.output().type.shape);
  if (is_depthwise(window, x, w)) return bind_depthwise(context, geometry);
  context.constant(1, layout_for(attrs, x, w));
  const auto bind_as =
      ConvWinogradI8::suits(geometry, context.isa) ? bind_winograd_i8 : bind_gemm_i8;
  return bind_as(context, geometry, static_cast<uint8_t>(attrs.x_zero), accumulator_output(attrs));
}

}  // namespace

extern const OpDef qconv_op = {infer, bind, 1 << 4, false, weight_layout};

}  // namespace edgert
