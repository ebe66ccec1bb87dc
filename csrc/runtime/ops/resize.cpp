#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/kernel.h"
#include "kernels/resize_f32/resize_f32.h"
#include "kernels/resize_int/resize_int.h"
#include "runtime/op.h"
#include "runtime/split.h"

namespace edgert {
namespace {

void require_mode(const NodeTypes& node, const char* attribute, int32_t value, int count) {
  if (value < 0 || value >= count)
    node.fail("ATTR", "%s is %d, expected 0 to %d", attribute, value, count - 1);
}

OutputTypes infer(const NodeTypes& node) {
  const ResizeAttrs& attrs = node.attrs<ResizeAttrs>();
  const TensorType& in = node.input(0);
  node.require_rank(0, 4);
  require_mode(node, "mode", attrs.mode, 3);
  require_mode(node, "exclude_outside", attrs.exclude_outside, 2);
  const ResizeMode mode = static_cast<ResizeMode>(attrs.mode);
  const bool blends =
      mode == ResizeMode::linear && (in.dtype == DType::u8 || in.dtype == DType::i16);
  if (mode != ResizeMode::nearest && !blends) node.require_dtype(0, DType::f32);
  if (!std::isfinite(attrs.cubic_coefficient))
    node.fail("ATTR", "cubic_coefficient is %g", attrs.cubic_coefficient);
  Shape out = in.shape;
  for (int axis = 0; axis < 2; ++axis) {
    const int32_t size = attrs.size[axis];
    if (size < 1 || in.shape[1 + axis] < 1)
      node.fail("ATTR", "cannot resize %d elements to %d", in.shape[1 + axis], size);
    if (attrs.unit[axis] < 1)
      node.fail("ATTR", "unit[%d] is %d, expected a positive number", axis, attrs.unit[axis]);
    out[1 + axis] = size;
  }
  return {in.dtype, out};
}

// A place in an axis of the input: an element, and how far it is to the next one, below 1.
struct Place {
  int64_t element;
  double rest;
};

Place source_place(const ResizeAttrs& attrs, int axis, int32_t i) {
  const int64_t unit = attrs.unit[axis];
  const int64_t units = attrs.first[axis] + int64_t{i} * attrs.step[axis];  // below 2^63
  const int64_t element = units / unit - (units % unit < 0);
  return {element, static_cast<double>(units - element * unit) / static_cast<double>(unit)};
}

// The Keys kernel with coefficient a, at distance d from a tap.
double cubic_weight(double a, double d) {
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0.0;
}

struct AxisTable {
  std::vector<int32_t> at;  // `taps` elements for each output
  std::vector<float> weight;

  static constexpr size_t kEntryBytes = sizeof(int32_t) + sizeof(float);
  explicit AxisTable(size_t entries) {
    at.reserve(entries);
    weight.reserve(entries);
  }
  void add(int32_t element, double value) {
    at.push_back(element);
    weight.push_back(static_cast<float>(value));
  }
  ResizeAxis rows(int taps, size_t first, size_t count) const {
    return {at.data() + first * taps, weight.data() + first * taps, count};
  }
};

int tap_count(ResizeMode mode) {
  return mode == ResizeMode::nearest ? 1 : mode == ResizeMode::linear ? 2 : 4;
}

AxisTable axis_table(const ResizeAttrs& attrs, const Shape& in, int axis) {
  const ResizeMode mode = static_cast<ResizeMode>(attrs.mode);
  const int64_t size = in[1 + axis], last = size - 1;
  const auto clamped = [=](int64_t element) {
    return static_cast<int32_t>(std::clamp<int64_t>(element, 0, last));
  };
  AxisTable table(static_cast<size_t>(attrs.size[axis]) * tap_count(mode));
  for (int32_t i = 0; i < attrs.size[axis]; ++i) {
    const auto [first, rest] = source_place(attrs, axis, i);
    switch (mode) {
      case ResizeMode::nearest:
        table.add(clamped(first), 1);
        break;
      case ResizeMode::linear: {
        const double weight = first < 0 || first >= last ? 0 : rest;  // none beyond the ends
        table.add(clamped(first), 1 - weight);
        table.add(clamped(clamped(first) + 1), weight);
        break;
      }
      case ResizeMode::cubic: {
        double weights[4], total = 0;
        for (int k = 0; k < 4; ++k) {
          const int64_t at = first + k - 1;
          const bool outside = attrs.exclude_outside && (at < 0 || at > last);
          weights[k] =
              outside ? 0.0 : cubic_weight(attrs.cubic_coefficient, std::fabs(rest - (k - 1)));
          total += weights[k];
        }
        for (int k = 0; k < 4; ++k)
          table.add(clamped(first + k - 1),
                    attrs.exclude_outside ? weights[k] / total : weights[k]);
        break;
      }
    }
  }
  return table;
}

struct Interpolation {
  Kernel<ResizeF32>::Fn floats;  // or null:
  Kernel<ResizeInt>::Fn integers;
  DType dtype;
  int taps;
  size_t images, image_bytes, width, channels;
  AxisTable rows, columns;
  size_t out_height, out_width, row_bytes;
  uint32_t input, output;

  void operator()(const RunContext& context) const {
    split(context.pool(), images * out_height, out_width * channels * taps * taps * sizeof(float),
          [&](size_t first, size_t last) {
            for (size_t row = first, count; row < last; row += count) {
              const size_t r = row % out_height;
              count = std::min(last - row, out_height - r);
              run(rows.rows(taps, r, count),
                  context.tensor<std::byte>(input) + row / out_height * image_bytes,
                  context.tensor<std::byte>(output) + row * row_bytes);
            }
          });
  }

  void run(const ResizeAxis& part, const std::byte* x, std::byte* y) const {
    const ResizeAxis all = columns.rows(taps, 0, out_width);
    if (floats)
      floats({taps, channels, width, part, all, reinterpret_cast<const float*>(x),
              reinterpret_cast<float*>(y)});
    else
      integers({dtype, channels, width, part, all, x, y});
  }
};

struct ResizeNearestRows {
  size_t images, height, width, pixel;  // of the input; bytes of a pixel
  AxisTable rows, columns;
  uint32_t input, output;

  void operator()(const RunContext& context) const {
    const std::byte* const x = context.tensor<std::byte>(input);
    std::byte* const y = context.tensor<std::byte>(output);
    const size_t out_height = rows.at.size(), out_width = columns.at.size();
    const size_t row_bytes = out_width * pixel;
    split(context.pool(), images * out_height, row_bytes, [&](size_t first, size_t last) {
      for (size_t row = first; row < last; ++row) {
        const size_t r = row % out_height;
        std::byte* const to = y + row * row_bytes;
        if (row > first && r > 0 && rows.at[r] == rows.at[r - 1]) {
          std::memcpy(to, to - row_bytes, row_bytes);
          continue;
        }
        const std::byte* const from =
            x + (row / out_height * height + static_cast<size_t>(rows.at[r])) * width * pixel;
        for (size_t c = 0; c < out_width; ++c)
          std::memcpy(to + c * pixel, from + static_cast<size_t>(columns.at[c]) * pixel, pixel);
      }
    });
  }
};

Step bind(const BindContext& context) {
  const ResizeAttrs& attrs = context.attrs<ResizeAttrs>();
  const TensorType& in = context.input(0)->type;
  const Shape& image = in.shape;
  const ResizeMode mode = static_cast<ResizeMode>(attrs.mode);
  const size_t height = attrs.size[0], width = attrs.size[1];
  context.memory.take_tables((uint64_t{height} + width) * tap_count(mode) * AxisTable::kEntryBytes);
  AxisTable rows = axis_table(attrs, image, 0), columns = axis_table(attrs, image, 1);
  if (mode == ResizeMode::nearest)
    return {"copy", 0,
            ResizeNearestRows{image.elements(0, 1), image.elements(1, 2), image.elements(2, 3),
                              image.elements(3, 4) * dtype_bytes(in.dtype), std::move(rows),
                              std::move(columns), context.input_index(0), context.output_index()}};
  const bool floats = in.dtype == DType::f32;
  const Kernel<ResizeF32>& of_floats = select_kernels(context.isa).resize_f32;
  const Kernel<ResizeInt>& of_integers = select_kernels(context.isa).resize_int;
  return {
      floats ? of_floats.name : of_integers.name, 0,
      Interpolation{floats ? of_floats.run : nullptr, of_integers.run, in.dtype, tap_count(mode),
                    image.elements(0, 1), image.elements(1, 4) * dtype_bytes(in.dtype),
                    image.elements(2, 3), image.elements(3, 4), std::move(rows), std::move(columns),
                    height, width, width * image.elements(3, 4) * dtype_bytes(in.dtype),
                    context.input_index(0), context.output_index()}};
}

}  // namespace

extern const OpDef resize_op = {infer, bind};

}  // namespace edgert
