#include "runtime/product/dynamic.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "kernels/kernel.h"
#include "kernels/quantize_f32/quantize_f32.h"
#include "kernels/reduce_f32/reduce_f32.h"
#include "runtime/product/bind.h"
#include "runtime/split.h"

namespace edgert {
namespace {

// As ops.def says, from the least and the greatest element, which are NaN if one is.
DynamicScale scale_of(float least, float greatest) {
  if (least > greatest) return {1.0f, 0};  // no elements
  const float low = std::min(0.0f, least), high = std::max(0.0f, greatest);
  if (!std::isfinite(least) || !std::isfinite(greatest) || !std::isfinite(high - low))
    return {std::numeric_limits<float>::quiet_NaN(), 0};
  const float scale = std::max((high - low) / 255.0f, 0x1p-126f);
  return {scale, std::clamp(static_cast<int32_t>(std::nearbyint(-low / scale)), 0, 255)};
}

// Scales and bytes for `sets` sets of `elements` floats.
class Quantizer {
 public:
  Quantizer(IsaSet isa, size_t sets, size_t elements)
      : reduce_(select_kernels(isa).reduce_f32.run),
        quantize_(select_kernels(isa).quantize_f32.run),
        sets_(sets),
        elements_(elements) {}

  uint64_t scratch_bytes() const { return uint64_t{2} * pieces() * sizeof(float); }

  void run(const float* x, DynamicScale* scales, uint8_t* bytes, std::byte* scratch,
           ThreadPool& pool) const {
    const bool short_sets = elements_ * kMoved <= kLongestBytes;
    if (pieces() == 1 || (short_sets && sets_ >= static_cast<size_t>(pool.threads()))) {
      split(pool, sets_, elements_ * kMoved, [=](size_t first, size_t last) {
        quantize_sets(x + first * elements_, last - first, scales + first,
                      bytes + first * elements_);
      });
      return;
    }
    float* const least = reinterpret_cast<float*>(scratch);
    for (size_t i = 0; i < sets_; ++i)
      scales[i] = quantize_set(x + i * elements_, bytes + i * elements_, least, pool);
  }

 private:
  static constexpr size_t kPiece = 4096;  // elements, which stay in the first-level cache
  static constexpr size_t kMoved = 2 * sizeof(float) + 1;  // bytes per element

  size_t pieces() const { return std::max<size_t>(1, ceil_div(elements_, kPiece)); }

  // Several sets on one thread.
  void quantize_sets(const float* x, size_t sets, DynamicScale* scales, uint8_t* bytes) const {
    constexpr size_t kMost = 64;
    const size_t block = std::clamp<size_t>(kPiece / (elements_ + 1), 1, kMost);
    float least[kMost], greatest[kMost];
    for (size_t first = 0; first < sets; first += block) {
      const size_t last = std::min(first + block, sets);
      find_ranges(x, last - first, elements_, least, greatest);
      for (size_t i = first; i < last; ++i, x += elements_, bytes += elements_) {
        scales[i] = scale_of(least[i - first], greatest[i - first]);
        quantize(scales[i], x, elements_, bytes);
      }
    }
  }

  // One set on all threads.
  DynamicScale quantize_set(const float* x, uint8_t* bytes, float* least, ThreadPool& pool) const {
    float* const greatest = least + pieces();
    const auto length = [&](size_t at) { return std::min(kPiece, elements_ - at); };
    split(pool, pieces(), kPiece * sizeof(float), [&](size_t first, size_t last) {
      for (size_t p = first, at = p * kPiece; p < last; ++p, at += kPiece)
        find_ranges(x + at, 1, length(at), least + p, greatest + p);
    });
    float low, high;  // reduced in turn: NaN stays NaN
    reduce_({ReduceFn::min, 1, pieces(), 1, least, pieces(), 1, &low, 1.0f});
    reduce_({ReduceFn::max, 1, pieces(), 1, greatest, pieces(), 1, &high, 1.0f});
    const DynamicScale scale = scale_of(low, high);
    split(pool, pieces(), kPiece * (sizeof(float) + 1), [&](size_t first, size_t last) {
      for (size_t at = first * kPiece; at < std::min(last * kPiece, elements_); at += kPiece)
        quantize(scale, x + at, length(at), bytes + at);
    });
    return scale;
  }

  // The least and the greatest of each of `sets` sets of n elements.
  void find_ranges(const float* x, size_t sets, size_t n, float* least, float* greatest) const {
    reduce_({ReduceFn::min, sets, n, 1, x, n, 1, least, 1.0f});
    reduce_({ReduceFn::max, sets, n, 1, x, n, 1, greatest, 1.0f});
  }

  void quantize(const DynamicScale& scale, const float* x, size_t n, uint8_t* y) const {
    if (std::isnan(scale.scale))
      std::fill_n(y, n, uint8_t{0});
    else
      quantize_({n, x, DType::u8, y, scale.scale, 0, scale.zero, 0, 255});
  }

  Kernel<ReduceF32>::Fn reduce_;
  Kernel<QuantizeF32>::Fn quantize_;
  size_t sets_, elements_;
};

}  // namespace

TensorType infer_dynamic(const NodeTypes& node, const Activation& activation, const Shape& shape) {
  const int32_t channels = shape[shape.rank - 1];
  node.require_dtype(0, DType::f32);
  node.require_dtype(1, DType::i8);
  node.require(2, DType::f32, {channels});
  if (node.has(3)) node.require(3, DType::f32, {channels});
  if (node.has(4)) {
    node.require_dtype(4, DType::f32);
    if (node.shape(4) != shape)
      node.fail("SHAPE", "the residual has shape %s, expected %s", to_string(node.shape(4)).c_str(),
                to_string(shape).c_str());
  }
  node.require_activation(activation);
  const TensorType type{DType::f32, shape};
  if (!in_bounds(type)) node.fail("LIMIT", "the output %s is too large", to_string(shape).c_str());
  return type;
}

Step bind_dynamic(const BindContext& context, ProductShape shape, DynamicSet set,
                  const Activation& activation) {
  const bool by_row = set == DynamicSet::kRow;
  const size_t sets = by_row ? shape.width : shape.batch;
  shape.batch = 1;
  const size_t elements = shape.channels * (by_row ? 1 : shape.height * shape.width);
  const size_t results = shape.outputs * shape.out_height * shape.out_width;
  Product product = product_of(context, shape);
  product.x = DType::u8;
  product.dynamic = true;
  const std::byte* const weights = context.constant(1, product.form);
  struct Bound {
    BoundProduct bytes;
    Quantizer quantizer;
  };
  const auto bound = std::make_shared<const Bound>(
      Bound{BoundProduct(context, product, weights), Quantizer(context.isa, sets, elements)});

  AccumulatorOutput out = {};
  out.output.dtype = static_cast<int32_t>(DType::f32);
  out.output.activation = activation;
  out.output.scale = 1.0f;
  const uint32_t x = context.input_index(0), multiplier = context.input_index(2);
  const uint32_t bias = context.input_index(3), residual = context.input_index(4);
  const uint32_t y = context.output_index();
  // In scratch: the bytes, the scales, and what either stage needs.
  const uint64_t bytes_end = round_up64(uint64_t{sets} * elements, kAlignment);
  const uint64_t scales_end =
      round_up64(bytes_end + uint64_t{sets} * sizeof(DynamicScale), kAlignment);

  Step step;
  step.kernel = bound->bytes.plan->kernel();
  step.scratch_bytes =
      scales_end + std::max(bound->quantizer.scratch_bytes(), bound->bytes.plan->scratch_bytes());
  const size_t scales_at = static_cast<size_t>(bytes_end);
  const size_t rest_at = static_cast<size_t>(scales_end);
  step.run = [=](const RunContext& run) {
    uint8_t* const bytes = reinterpret_cast<uint8_t*>(run.scratch());
    const auto scales = reinterpret_cast<DynamicScale*>(run.scratch() + scales_at);
    std::byte* const rest = run.scratch() + rest_at;
    bound->quantizer.run(run.tensor<float>(x), scales, bytes, rest, run.pool());
    DynamicOutput dynamic = {scales, by_row, run.tensor<float>(bias), run.tensor<float>(residual)};
    ProductOperands operands = {bytes, bound->bytes.weights.view(), run.tensor<float>(y), {}, out};
    operands.sums.multiplier = run.tensor<float>(multiplier);
    operands.dynamic = &dynamic;
    for (size_t i = 0; i < (by_row ? 1 : sets); ++i) {
      operands.x = bytes + i * elements;
      operands.x_zero = by_row ? 0 : static_cast<uint8_t>(scales[i].zero);
      operands.y = run.tensor<float>(y) + i * results;
      bound->bytes.plan->run(operands, rest, run.pool());
      ++dynamic.scales;
      if (dynamic.residual) dynamic.residual += results;
    }
  };
  return step;
}

}  // namespace edgert
