#include "kernels/dwconv_f32/dwconv_f32.h"

#include <algorithm>

#include "harness.h"
#include "schema/enums.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;
using test::Random;

struct Row {
  DwconvF32Kernel kernel;
  bool fused;  // whether fma() rounds once: all such kernels give the same bits
};

std::vector<Row> rows() {
  std::vector<Row> list;
#define KERNEL(symbol, isa, form, block) \
  if (test::can_run(Isa::isa))           \
    list.push_back(                      \
        {{#symbol, Isa::isa, symbol, Form::form, block, false}, Isa::isa != Isa::portable});
#include "kernels/dwconv_f32/kernels.inc"
  return list;
}

struct Filter {
  size_t height, width, stride, dilation;
};

void check(size_t height, size_t width, size_t channels, size_t pixel_stride, Filter f, size_t pad,
           int flags, Guard guard) {
  const size_t reach_y = (f.height - 1) * f.dilation + 1, reach_x = (f.width - 1) * f.dilation + 1;
  if (height + 2 * pad < reach_y || width + 2 * pad < reach_x) return;
  const size_t out_height = (height + 2 * pad - reach_y) / f.stride + 1;
  const size_t out_width = (width + 2 * pad - reach_x) / f.stride + 1;
  const auto span = [&](size_t pixels) { return (pixels - 1) * pixel_stride + channels; };
  const bool has_bias = flags & 1, has_residual = flags & 2, relu = flags & 4;
  Random random(height * 131 + width * 17 + channels + f.width);
  GuardedArray<float> x(span(height * width), guard), bias(channels, guard);
  GuardedArray<float> w(f.height * f.width * channels, guard);
  GuardedArray<float> residual(span(out_height * out_width), guard);
  test::fill_uniform(x, random);
  test::fill_uniform(w, random);
  test::fill_uniform(bias, random);
  test::fill_uniform(residual, random);

  DwconvF32 g = {};
  g.channels = channels;
  g.pixel_stride = pixel_stride;
  g.x = x.data();
  g.height = height;
  g.width = width;
  g.out_width = out_width;
  g.kernel[0] = f.height;
  g.kernel[1] = f.width;
  for (int i : {0, 1}) {
    g.strides[i] = f.stride;
    g.dilations[i] = f.dilation;
    g.pads[i] = pad;
  }
  g.w = w.data();
  g.w_stride = channels;
  g.bias = has_bias ? bias.data() : nullptr;
  g.residual = has_residual ? residual.data() : nullptr;
  g.activation.fn = static_cast<int32_t>(relu ? UnaryFn::relu : UnaryFn::identity);

  std::vector<float> fused;
  for (const Row& row : rows()) {
    GuardedArray<float> y(span(out_height * out_width), guard);
    g.y = y.data();
    const size_t split = out_height / 2;  // the same rows in two calls
    g.row_begin = 0;
    g.row_end = split;
    row.kernel.run(g);
    g.row_begin = split;
    g.row_end = out_height;
    row.kernel.run(g);
    std::vector<float> result;
    bool close = true;
    for (size_t oy = 0; oy < out_height; ++oy)
      for (size_t ox = 0; ox < out_width; ++ox)
        for (size_t c = 0; c < pixel_stride; ++c) {
          const size_t at = (oy * out_width + ox) * pixel_stride + c;
          if (at >= y.size()) continue;
          if (c >= channels) {
            CHECK(std::isnan(y[at]), "%s wrote other channels", row.kernel.name);
            continue;
          }
          double sum = (has_bias ? bias[c] : 0.0) + (has_residual ? residual[at] : 0.0);
          for (size_t i = 0; i < f.height; ++i)
            for (size_t j = 0; j < f.width; ++j) {
              const size_t py = oy * f.stride + i * f.dilation, px = ox * f.stride + j * f.dilation;
              if (py < pad || py >= pad + height || px < pad || px >= pad + width) continue;
              sum += double{x[((py - pad) * width + px - pad) * pixel_stride + c]} *
                     w[(i * f.width + j) * channels + c];
            }
          if (relu) sum = std::max(sum, 0.0);
          close &=
              std::fabs(y[at] - sum) <=
              0x1p-23 * static_cast<double>((f.height * f.width + 3) * (f.height * f.width + 3));
          result.push_back(y[at]);
        }
    CHECK(close, "%s %zux%zux%zu filter %zux%zu stride %zu dilation %zu pad %zu flags %d",
          row.kernel.name, height, width, channels, f.height, f.width, f.stride, f.dilation, pad,
          flags);
    if (!row.fused) continue;
    if (fused.empty()) fused = result;
    CHECK(std::memcmp(result.data(), fused.data(), result.size() * sizeof(float)) == 0,
          "%s: other bits than the other fused kernels", row.kernel.name);
  }
}

TEST(dwconv_f32_shapes) {
  const Filter filters[] = {{3, 3, 1, 1}, {3, 3, 2, 1}, {5, 5, 1, 1}, {5, 5, 2, 1}, {7, 7, 1, 1},
                            {1, 5, 1, 1}, {3, 1, 1, 1}, {3, 3, 3, 1}, {3, 3, 1, 2}, {2, 2, 2, 3}};
  int flags = 0;
  for (const Filter& filter : filters)
    for (size_t pad : {0, 1, 2, 4})
      for (size_t width : {1, 2, 5, 7, 8, 14, 19})
        for (size_t channels : {1, 8, 15, 16, 37}) {
          check(width / 2 + 2, width, channels, channels + (flags % 3 == 0 ? 5 : 0), filter, pad,
                flags % 8, flags % 2 ? Guard::kFront : Guard::kBack);
          ++flags;
        }
}

}  // namespace
}  // namespace edgert
