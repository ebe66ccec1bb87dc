#include "runtime/product/bits/starts.h"

#include <algorithm>

#include "weights/panels.h"

namespace edgert {
namespace {

// Whole panels: kernels read the starts of all that one has.
size_t table_width(const ProductShape& shape) { return Panels<K1N16>::whole_panels(shape.outputs); }

int set_bits(uint8_t byte) { return __builtin_popcount(byte); }

}  // namespace

TapClasses::TapClasses(const ProductShape& shape, int axis) {
  const size_t taps = shape.kernel[axis], dilation = shape.dilations[axis];
  const size_t size = axis == 0 ? shape.height : shape.width, pad = shape.pads[axis];
  const size_t pixels = axis == 0 ? shape.out_height : shape.out_width;
  of_pixels_.reserve(pixels);
  for (size_t pixel = 0; pixel < pixels; ++pixel) {
    const size_t at = pixel * shape.strides[axis];  // of tap 0, in the padded image
    // The taps before one that lies at `place` or behind it.
    const auto before = [&](size_t place) {
      return place <= at ? 0 : std::min(taps, ceil_div(place - at, dilation));
    };
    const Taps seen = {before(pad), before(pad + size)};
    if (classes_.empty() || !(classes_.back() == seen)) classes_.push_back(seen);
    of_pixels_.push_back(static_cast<uint32_t>(classes_.size() - 1));
  }
}

SumStarts::SumStarts(const BindContext& context, const ProductShape& shape, size_t depth) {
  context.memory.take_tables(uint64_t{table_width(shape)} * sizeof(int16_t));
  table_.assign(table_width(shape), static_cast<int16_t>(depth));
}

SumStarts::SumStarts(const BindContext& context, const ProductShape& shape, size_t channels,
                     const uint8_t* panels) {
  context.memory.require((uint64_t{shape.out_height} + shape.out_width) * 3 * sizeof(size_t));
  const TapClasses rows(shape, 0), columns(shape, 1);
  const size_t width = table_width(shape), of_row = columns.classes().size() * width;
  context.memory.take_tables(uint64_t{rows.classes().size()} * of_row * sizeof(int16_t) +
                             (uint64_t{shape.out_height} + shape.out_width) * sizeof(size_t));
  for (size_t y = 0; y < rows.pixels(); ++y) rows_.push_back(rows.of(y) * of_row);
  for (size_t x = 0; x < columns.pixels(); ++x) columns_.push_back(columns.of(x) * width);
  table_.resize(rows.classes().size() * of_row);

  // The sums of the weights of all taps above and to the left of a tap, for one output.
  const size_t height = shape.kernel[0], row_taps = shape.kernel[1];
  const size_t taps = height * row_taps, edge = row_taps + 1;
  context.memory.require(uint64_t{height + 1} * edge * sizeof(int32_t) +
                         uint64_t{taps} * shape.outputs * sizeof(int32_t));
  std::vector<int32_t> tap_sums(taps * shape.outputs, static_cast<int32_t>(channels));
  const WeightShape weights = shape.weights();
  Panels<K1N16>(weights).for_runs([&](size_t output, size_t row, size_t place, auto) {
    const size_t tap = row / weights.channels % taps;
    tap_sums[output * taps + tap] -= 2 * set_bits(panels[place]);
  });
  std::vector<int32_t> before((height + 1) * edge);
  for (size_t output = 0; output < shape.outputs; ++output) {
    const int32_t* const sums = tap_sums.data() + output * taps;
    for (size_t i = 0; i < height; ++i)
      for (size_t j = 0; j < row_taps; ++j)
        before[(i + 1) * edge + j + 1] = sums[i * row_taps + j] + before[i * edge + j + 1] +
                                         before[(i + 1) * edge + j] - before[i * edge + j];
    const int32_t depth = static_cast<int32_t>(taps * channels);
    for (size_t r = 0; r < rows.classes().size(); ++r)
      for (size_t c = 0; c < columns.classes().size(); ++c) {
        const auto [top, bottom] = rows.classes()[r];
        const auto [left, right] = columns.classes()[c];
        const int32_t seen = before[bottom * edge + right] - before[top * edge + right] -
                             before[bottom * edge + left] + before[top * edge + left];
        table_[r * of_row + c * width + output] =
            static_cast<int16_t>(depth - before.back() + seen);
      }
  }
}

}  // namespace edgert
