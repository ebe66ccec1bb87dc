// Products: bound to a method, and by their definition, in double.
#pragma once

#include <vector>

#include "harness.h"
#include "runtime/product/product.h"

namespace edgert::test {

// A product of weights in rows, computed in a given way.
struct BoundCase {
  MemoryBudget memory{UINT64_MAX};
  Product product;
  PreparedWeights weights;
  std::unique_ptr<ProductPlan> plan;

  BoundCase(const ProductMethod& method, DType x, DType w, const ProductShape& shape,
            const void* rows, IsaSet isa, int threads)
      : product{x, w, shape, Form::row, true, false},
        weights(method.prepare(product, static_cast<const std::byte*>(rows), nullptr, isa, memory)),
        plan(method.plan(product, weights.facts, isa, threads)) {}
};

inline std::string describe(const ProductShape& g) {
  return format(
      "%zux%zux%zux%zu -> %zux%zux%zu kernel %zux%zu stride %zux%zu dilation %zux%zu pad "
      "%zux%zu skip %zux%zu groups %zu",
      g.batch, g.height, g.width, g.channels, g.out_height, g.out_width, g.outputs, g.kernel[0],
      g.kernel[1], g.strides[0], g.strides[1], g.dilations[0], g.dilations[1], g.pads[0], g.pads[1],
      g.skip[0], g.skip[1], g.groups);
}

// A 3x3 convolution of stride 1 whose pads keep the size of the image.
inline ProductShape geometry_3x3(size_t batch, size_t height, size_t width, size_t channels,
                                 size_t outputs) {
  ProductShape g;
  g.batch = batch;
  g.height = g.out_height = height;
  g.width = g.out_width = width;
  g.channels = channels;
  g.outputs = outputs;
  g.kernel[0] = g.kernel[1] = 3;
  g.pads[0] = g.pads[1] = 1;
  return g;
}

// One with any pads; the batch may be empty.
inline ProductShape random_3x3(Random& random) {
  const auto count = [&](int usual) {
    return random.integer(1, random.integer(0, 4) == 0 ? 80 : usual);
  };
  const size_t channels = count(20), outputs = count(40);
  ProductShape g = geometry_3x3(random.integer(0, 3), 0, 0, channels, outputs);
  size_t* in[2] = {&g.height, &g.width};
  size_t* out[2] = {&g.out_height, &g.out_width};
  for (int i : {0, 1}) {
    g.pads[i] = random.integer(0, 3);
    const size_t after = random.integer(0, 3);
    do *in[i] = random.integer(1, 20);
    while (*in[i] + g.pads[i] + after < 3);
    *out[i] = *in[i] + g.pads[i] + after - 2;
  }
  return g;
}

// Any; with gaps, what it writes lies between other pixels, and it may leave out what lies above
// and to the left.
inline ProductShape random_geometry(Random& random, bool gaps) {
  ProductShape g;
  g.batch = random.integer(0, 2);
  g.groups = random.integer(0, 3) == 0 ? random.integer(2, 3) : 1;
  g.channels = g.groups * random.integer(1, random.integer(0, 4) == 0 ? 80 : 9);
  g.outputs = g.groups * random.integer(1, random.integer(0, 4) == 0 ? 80 : 20);
  size_t* in[2] = {&g.height, &g.width};
  size_t* out[2] = {&g.out_height, &g.out_width};
  for (int i : {0, 1}) {
    g.kernel[i] = random.integer(1, 4);
    g.strides[i] = random.integer(1, 3);
    g.dilations[i] = random.integer(1, 2);
    g.pads[i] = random.integer(0, 3);
    const size_t reach = (g.kernel[i] - 1) * g.dilations[i] + 1, after = random.integer(0, 3);
    do *in[i] = random.integer(1, 20);
    while (*in[i] + g.pads[i] + after < reach);
    *out[i] = (*in[i] + g.pads[i] + after - reach) / g.strides[i] + 1;
    if (gaps && random.integer(0, 1)) {
      g.pads[i] = 0;
      g.skip[i] = random.integer(0, static_cast<int>(*in[i]));
    }
  }
  if (gaps) {
    g.out_pixel = g.outputs * random.integer(1, 3);
    g.out_row = g.out_pixel * (g.out_width + random.integer(0, 1) * random.integer(0, 30));
    g.out_image = g.out_row * (g.out_height + random.integer(0, 1) * 3);
  }
  return g;
}

// Where the outputs lie, pixel after pixel, and behind them where the last image ends.
inline std::vector<size_t> places(const ProductShape& g) {
  const bool even = g.out_pixel == 0;
  const size_t pixel = even ? g.outputs : g.out_pixel;
  const size_t row = even ? g.out_width * pixel : g.out_row;
  const size_t image = even ? g.out_height * row : g.out_image;
  std::vector<size_t> list;
  for (size_t b = 0; b < g.batch; ++b)
    for (size_t y = 0; y < g.out_height; ++y)
      for (size_t x = 0; x < g.out_width; ++x)
        for (size_t o = 0; o < g.outputs; ++o) list.push_back(b * image + y * row + x * pixel + o);
  list.push_back(list.empty() ? 0 : list.back() + 1);
  return list;
}

// relu(bias + residual + the convolution) with the weights in rows; `residual` may be null.
inline std::vector<double> convolve(const ProductShape& g, const float* x, const float* w,
                                    const float* bias, const float* residual) {
  const size_t group_channels = g.channels / g.groups, group_outputs = g.outputs / g.groups;
  const size_t depth = g.kernel[0] * g.kernel[1] * group_channels;
  std::vector<double> y;
  for (size_t b = 0; b < g.batch; ++b)
    for (size_t oy = 0; oy < g.out_height; ++oy)
      for (size_t ox = 0; ox < g.out_width; ++ox)
        for (size_t o = 0; o < g.outputs; ++o) {
          double sum = bias[o];
          if (residual != nullptr) sum += residual[y.size()];
          for (size_t i = 0; i < g.kernel[0]; ++i)
            for (size_t j = 0; j < g.kernel[1]; ++j) {
              const size_t py = oy * g.strides[0] + i * g.dilations[0];
              const size_t px = ox * g.strides[1] + j * g.dilations[1];
              if (py < g.pads[0] || py + g.skip[0] - g.pads[0] >= g.height) continue;
              if (px < g.pads[1] || px + g.skip[1] - g.pads[1] >= g.width) continue;
              const size_t row = b * g.height + py + g.skip[0] - g.pads[0];
              const float* pixel = x + (row * g.width + px + g.skip[1] - g.pads[1]) * g.channels +
                                   o / group_outputs * group_channels;
              for (size_t c = 0; c < group_channels; ++c)
                sum += double{pixel[c]} * w[o * depth + (i * g.kernel[1] + j) * group_channels + c];
            }
          y.push_back(sum > 0 ? sum : 0);
        }
  return y;
}

}  // namespace edgert::test
