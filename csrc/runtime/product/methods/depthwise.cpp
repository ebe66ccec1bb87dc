// Depthwise convolutions: every channel has a filter of its own.
#include <algorithm>

#include "kernels/dwconv_f32/dwconv_f32.h"
#include "kernels/dwconv_i16/dwconv_i16.h"
#include "kernels/dwconv_i8/dwconv_i8.h"
#include "runtime/product/product.h"
#include "weights/facts.h"
#include "weights/kn.h"

namespace edgert {
namespace {

struct FloatFilters {
  using Arguments = DwconvF32;
  using Element = float;
  static constexpr DType kInput = DType::f32, kWeight = DType::f32;
  static const DwconvF32Kernel& select(IsaSet isa, const WeightFacts&) {
    return select_dwconv_f32(isa);
  }
};

struct ByteFilters {
  using Arguments = DwconvI8;
  using Element = uint8_t;
  static constexpr DType kInput = DType::u8, kWeight = DType::i8;
  static const DwconvI8Kernel& select(IsaSet isa, const WeightFacts&) {
    return select_dwconv_i8(isa);
  }
};

struct WordFilters {
  using Arguments = DwconvI16;
  using Element = int16_t;
  static constexpr DType kInput = DType::i16, kWeight = DType::i16;
  static const DwconvI16Kernel& select(IsaSet isa, const WeightFacts& facts) {
    return select_dwconv_i16(isa, facts.narrow);
  }
};

template <typename Filters>
class DepthwisePlan final : public ProductPlan {
 public:
  using Arguments = typename Filters::Arguments;
  using Kernel = DepthwiseKernel<Arguments>;

  DepthwisePlan(const Kernel& kernel, const ProductShape& g, int threads)
      : ProductPlan(kernel.name, threads), kernel_(kernel) {
    base_.pixel_stride = base_.w_stride = g.channels;
    base_.height = g.height;
    base_.width = g.width;
    base_.out_width = g.out_width;
    for (int i : {0, 1}) {
      base_.kernel[i] = g.kernel[i];
      base_.strides[i] = g.strides[i];
      base_.dilations[i] = g.dilations[i];
      base_.pads[i] = g.pads[i];
    }
    rows_ = g.out_height;
    choose_blocks(g, static_cast<size_t>(kernel.block), threads);
    size_t scratch = 0;
    if constexpr (std::is_same_v<Arguments, DwconvI8>)
      scratch = round_up(dwconv_i8_scratch_bytes(kernel, base_), kAlignment);
    set_tasks(g.batch * row_blocks_ * channel_blocks_, scratch);
  }

  void run_task(const ProductOperands& operands, size_t index, std::byte* scratch) const override {
    const size_t channels = base_.pixel_stride;
    const size_t channel = index % channel_blocks_ * block_channels_;
    const size_t row = index / channel_blocks_ % row_blocks_ * block_rows_;
    const size_t image = index / channel_blocks_ / row_blocks_;
    const size_t in = image * base_.height * base_.width * channels + channel;
    const size_t out = image * rows_ * base_.out_width * channels + channel;
    Arguments d = base_;
    d.channels = std::min(block_channels_, channels - channel);
    d.x = static_cast<const typename Filters::Element*>(operands.x) + in;
    d.w = reinterpret_cast<decltype(d.w)>(operands.w.data) + channel;
    d.row_begin = row;
    d.row_end = std::min(row + block_rows_, rows_);
    if constexpr (std::is_same_v<Arguments, DwconvF32>) {
      const FloatOutput end = part_of(operands.f32, channel, out);
      d.y = static_cast<float*>(operands.y) + out;
      d.bias = end.bias;
      d.residual = end.residual;
      d.activation = end.activation;
    } else {
      d.out = part_of(operands.sums, channel, out);
      d.y = static_cast<std::byte*>(operands.y) + out * output_bytes(d.out.output);
    }
    if constexpr (std::is_same_v<Arguments, DwconvI8>) {
      d.x_zero = operands.x_zero;
      d.scratch = scratch;
    }
    kernel_.run(d);
  }

 private:
  // A few tasks per thread: rows first, since neighbouring rows share their input, then channels,
  // at multiples of `channel_step`.
  void choose_blocks(const ProductShape& g, size_t channel_step, int threads) {
    constexpr size_t kTaskMacs = 50000, kLongestMacs = 32'000'000;  // microseconds; milliseconds
    const size_t macs =
        g.batch * g.out_height * g.out_width * g.channels * g.kernel[0] * g.kernel[1];
    const size_t wanted_tasks =
        threads == 1 ? 1 : std::min<size_t>(static_cast<size_t>(threads) * 4, macs / kTaskMacs + 1);
    const size_t tasks = std::max(wanted_tasks, macs / kLongestMacs);
    const size_t wanted = ceil_div(tasks, std::max<size_t>(1, g.batch));
    block_rows_ = ceil_div(g.out_height, std::min(ceil_div(g.out_height, 4), wanted));
    row_blocks_ = ceil_div(g.out_height, block_rows_);
    block_channels_ = round_up(ceil_div(g.channels, ceil_div(wanted, row_blocks_)), channel_step);
    channel_blocks_ = ceil_div(g.channels, block_channels_);
  }

  const Kernel& kernel_;
  Arguments base_ = {};  // what all tasks have in common
  size_t rows_;          // of an output image
  size_t block_rows_, block_channels_, row_blocks_, channel_blocks_;
};

template <typename Filters>
bool suits(const Product& product, IsaSet) {
  return product.x == Filters::kInput && product.shape.is_depthwise() &&
         (product.form == Form::kn || !product.constant);
}

template <typename Filters>
PreparedWeights prepare(const Product& product, const std::byte* weights, const int32_t* bias,
                        IsaSet isa, MemoryBudget& memory) {
  const Form form = Filters::select(isa, {}).form;
  PreparedWeights prepared = in_form(form, product, Filters::kWeight, weights, memory);
  if constexpr (Filters::kWeight == DType::i16)
    prepared.facts.narrow =
        bias != nullptr && sums_have_32_bits(Kn(product.shape.weights()),
                                             reinterpret_cast<const int16_t*>(prepared.data), bias);
  return prepared;
}

template <typename Filters>
std::unique_ptr<ProductPlan> plan(const Product& product, const WeightFacts& facts, IsaSet isa,
                                  int threads) {
  return std::make_unique<DepthwisePlan<Filters>>(Filters::select(isa, facts), product.shape,
                                                  threads);
}

template <typename Filters>
constexpr ProductMethod method = {suits<Filters>, Form::kn, prepare<Filters>, plan<Filters>};

}  // namespace

extern const ProductMethod depthwise_f32_method = method<FloatFilters>;
extern const ProductMethod depthwise_i8_method = method<ByteFilters>;
extern const ProductMethod depthwise_i16_method = method<WordFilters>;

}  // namespace edgert
