#include "runtime/dynamic.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "kernels/quantize_f32/quantize_f32.h"
#include "kernels/reduce_f32/reduce_f32.h"
#include "runtime/split.h"

namespace edgert {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Range {  // NaN if an element is
  float least = kInfinity, greatest = -kInfinity;

  void add(const Range& other) {
    if (other.least < least || std::isnan(other.least)) least = other.least;
    if (other.greatest > greatest || std::isnan(other.greatest)) greatest = other.greatest;
  }
};

// As ops.def says; NaN if something is not finite.
DynamicScale scale_of(const Range& range) {
  if (range.least > range.greatest) return {1.0f, 0};  // no elements
  const float low = std::min(0.0f, range.least), high = std::max(0.0f, range.greatest);
  if (!std::isfinite(range.least) || !std::isfinite(range.greatest) || !std::isfinite(high - low))
    return {kNan, 0};
  const float scale = std::max((high - low) / 255.0f, 0x1p-126f);
  return {scale, std::clamp(static_cast<int32_t>(std::nearbyint(-low / scale)), 0, 255)};
}

// Scales and bytes for `sets` sets of `elements` floats.
class Quantizer {
 public:
  Quantizer(IsaSet isa, size_t sets, size_t elements)
      : reduce_(select_reduce_f32(isa).run),
        quantize_(select_quantize_f32(isa).run),
        sets_(sets),
        elements_(elements) {}

  size_t scratch_bytes() const { return pieces() * sizeof(Range); }

  void run(const float* x, DynamicScale* scales, uint8_t* bytes, std::byte* scratch,
           ThreadPool& pool) const {
    constexpr size_t kMoved = 2 * sizeof(float) + 1;  // bytes per element in both passes
    if (pieces() == 1 || sets_ >= static_cast<size_t>(pool.threads())) {
      split(pool, sets_, elements_ * kMoved, [=](size_t first, size_t last) {
        for (size_t i = first; i < last; ++i) {
          scales[i] = scale_of(range(x + i * elements_, elements_));
          quantize(scales[i], x + i * elements_, elements_, bytes + i * elements_);
        }
      });
      return;
    }
    Range* const ranges = reinterpret_cast<Range*>(scratch);
    for (size_t i = 0; i < sets_; ++i, x += elements_, bytes += elements_) {
      const auto length = [&](size_t at) { return std::min(kPiece, elements_ - at); };
      split(pool, pieces(), kPiece * sizeof(float), [&](size_t first, size_t last) {
        for (size_t p = first; p < last; ++p) ranges[p] = range(x + p * kPiece, length(p * kPiece));
      });
      Range all;
      for (size_t p = 0; p < pieces(); ++p) all.add(ranges[p]);
      scales[i] = scale_of(all);
      split(pool, pieces(), kPiece * (sizeof(float) + 1), [&](size_t first, size_t last) {
        for (size_t at = first * kPiece; at < std::min(last * kPiece, elements_); at += kPiece)
          quantize(scales[i], x + at, length(at), bytes + at);
      });
    }
  }

 private:
  static constexpr size_t kPiece = 4096;  // elements, which stay in the first-level cache

  size_t pieces() const { return std::max<size_t>(1, ceil_div(elements_, kPiece)); }

  Range range(const float* x, size_t n) const {
    Range all;
    for (size_t at = 0; at < n; at += kPiece) {
      Range part;
      ReduceF32 reduce = {ReduceFn::min, 1,   std::min(kPiece, n - at), 1, x + at, n, 1,
                          &part.least,   1.0f};
      reduce_(reduce);
      reduce.fn = ReduceFn::max;
      reduce.y = &part.greatest;
      reduce_(reduce);
      all.add(part);
    }
    return all;
  }

  void quantize(const DynamicScale& scale, const float* x, size_t n, uint8_t* y) const {
    if (std::isnan(scale.scale))
      std::fill_n(y, n, uint8_t{0});
    else
      quantize_({n, x, y, scale.scale, scale.zero, 0, 255});
  }

  ReduceF32Fn reduce_;
  QuantizeF32Fn quantize_;
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

Step bind_dynamic(const BindContext& context, ConvGeometry geometry, DynamicSet set,
                  const Activation& activation) {
  const bool by_row = set == DynamicSet::kRow;
  const size_t sets = by_row ? geometry.width : geometry.batch;
  geometry.batch = 1;
  const size_t elements = geometry.channels * (by_row ? 1 : geometry.height * geometry.width);
  const size_t results = geometry.outputs * geometry.out_height * geometry.out_width;
  struct Bound {
    ConvGemmI8 conv;
    Quantizer quantizer;
    std::vector<int32_t> minus_sums;
  };
  ConvGemmI8 conv(geometry, *context.input(1), context.isa, context.threads);
  std::vector<int32_t> minus_sums = conv.panels().minus_sums();
  const auto bound = std::make_shared<const Bound>(
      Bound{std::move(conv), Quantizer(context.isa, sets, elements), std::move(minus_sums)});

  AccumulatorOutput out = {};
  out.output.dtype = static_cast<int32_t>(DType::f32);
  out.output.activation = activation;
  out.output.scale = 1.0f;
  const uint32_t x = context.input_index(0), multiplier = context.input_index(2);
  const uint32_t bias = context.input_index(3), residual = context.input_index(4);
  const uint32_t y = context.node.output;
  // In scratch: the bytes, the scales, and what either stage needs.
  const size_t scales_at = round_up(sets * elements, kAlignment);
  const size_t rest_at = round_up(scales_at + sets * sizeof(DynamicScale), kAlignment);

  Step step;
  step.kernel = bound->conv.kernel();
  step.scratch_bytes =
      rest_at + std::max(bound->quantizer.scratch_bytes(), bound->conv.scratch_bytes());
  step.weight_bytes = bound->conv.weight_bytes() + bound->minus_sums.size() * sizeof(int32_t);
  step.run = [=](const RunContext& run) {
    const uint8_t* bytes = reinterpret_cast<uint8_t*>(run.scratch());
    const auto scales = reinterpret_cast<DynamicScale*>(run.scratch() + scales_at);
    std::byte* const rest = run.scratch() + rest_at;
    bound->quantizer.run(run.tensor<float>(x), scales, reinterpret_cast<uint8_t*>(run.scratch()),
                         rest, run.pool());
    AccumulatorOutput end = out;
    end.bias = bound->minus_sums.data();
    end.multiplier = run.tensor<float>(multiplier);
    DynamicOutput dynamic = {scales, by_row, run.tensor<float>(bias), run.tensor<float>(residual)};
    for (size_t i = 0; i < (by_row ? 1 : sets); ++i) {
      const uint8_t zero = by_row ? 0 : static_cast<uint8_t>(scales[i].zero);
      bound->conv.run(
          {bytes + i * elements, zero, run.tensor<float>(y) + i * results, end, &dynamic}, rest,
          run.pool());
      ++dynamic.scales;
      if (dynamic.residual) dynamic.residual += results;
    }
  };
  return step;
}

}  // namespace edgert
