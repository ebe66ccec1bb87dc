#include "kernels/dwconv_i8/dwconv_i8.h"
#include "runtime/conv_gemm_i16.h"
#include "runtime/conv_gemm_i8.h"
#include "runtime/conv_shape.h"
#include "runtime/conv_winograd_i8.h"
#include "runtime/depthwise.h"
#include "runtime/depthwise_i16.h"
#include "runtime/quantized.h"

namespace edgert {
namespace {

TensorType infer(const NodeTypes& node) {
  const QConvAttrs& attrs = node.attrs<QConvAttrs>();
  const Shape out = infer_conv(node, ConvWindow(attrs));
  require_factors(node, node.shape(1).elements(1, 4), attrs.x_zero);
  return infer_accumulator(node, attrs, out);
}

Layout layout_for(const QConvAttrs& attrs, const TensorType& x, const TensorType& w) {
  if (is_depthwise(ConvWindow(attrs), x.shape, w.shape)) return Layout::kn;
  const bool panels = attrs.groups == 1 || w.shape[0] / attrs.groups % kPanelOutputs == 0;
  if (!panels || (x.dtype == DType::i16 && w.dtype == DType::i8)) return Layout::row;
  return w.dtype == DType::i16 ? Layout::k2n16 : Layout::k4n16;
}

Layout weight_layout(const NodeTypes& node) {
  return layout_for(node.attrs<QConvAttrs>(), node.input(0), node.input(1));
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
      d.out = part_of(t.bound(out, run), task.channel, task.y);
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
  const TensorType &x = context.input(0)->type, &w = context.input(1)->type;
  const ConvGeometry geometry =
      conv_geometry(window, x.shape, w.shape, context.output().type.shape);
  const bool wide = x.dtype == DType::i16;
  context.constant(1, layout_for(attrs, x, w));
  if (is_depthwise(window, x.shape, w.shape))
    return wide ? bind_depthwise_i16(context, geometry, accumulator_output(attrs))
                : bind_depthwise(context, geometry);
  if (wide) return bind_gemm_i16(context, geometry, accumulator_output(attrs));
  const auto bind_as =
      ConvWinogradI8::suits(geometry, context.isa) ? bind_winograd_i8 : bind_gemm_i8;
  return bind_as(context, geometry, static_cast<uint8_t>(attrs.x_zero), accumulator_output(attrs));
}

}  // namespace

extern const OpDef qconv_op = {infer, bind, 1 << 4, false, weight_layout};

}  // namespace edgert
