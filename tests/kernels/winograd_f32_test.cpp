// The transforms against their definition in double; the same bits whatever the instruction set.
#include "kernels/winograd_f32/winograd_f32.h"

#include <algorithm>

#include "harness.h"
#include "schema/enums.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;
using test::Random;

std::vector<WinogradF32Kernel> kernels() {
  std::vector<WinogradF32Kernel> list;
#define KERNEL(symbol, isa) \
  if (test::can_run(Isa::isa)) list.push_back({#symbol, Isa::isa, symbol});
#include "kernels/winograd_f32/kernels.inc"
  return list;
}

constexpr double kUnit = 0x1p-24;
constexpr double kWeights[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
constexpr int kInput[4][4] = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}};
constexpr int kOutput[2][4] = {{1, 1, 1, 0}, {0, 1, -1, -1}};

// A sum, and that of its terms' magnitudes, which bounds its error.
struct Sum {
  double value = 0, magnitude = 0;
  void add(double term) {
    value += term;
    magnitude += std::fabs(term);
  }
  bool close(float found, int roundings) const {
    return std::fabs(found - value) <= 1.001 * roundings * kUnit * magnitude;
  }
};

TEST(winograd_f32_weights) {
  for (size_t length : {16, 48})
    for (Guard guard : {Guard::kFront, Guard::kBack}) {
      Random random(length);
      GuardedArray<float> w(9 * length, guard);
      test::fill_uniform(w, random);
      std::vector<float> bits;
      for (const WinogradF32Kernel& kernel : kernels()) {
        GuardedArray<float> u(kWinogradPoints * length, guard);
        kernel.transforms.weights({length, w.data(), u.data()});
        for (size_t e = 0; e < u.size(); ++e) {
          const size_t p = e / length;
          Sum sum;
          for (size_t i = 0; i < 3; ++i)
            for (size_t j = 0; j < 3; ++j)
              sum.add(kWeights[p / 4][i] * kWeights[p % 4][j] *
                      double{w[(3 * i + j) * length + e % length]});
          CHECK(sum.close(u[e], 4), "%s point %zu: %g, expected %g", kernel.name, p, u[e],
                sum.value);
        }
        if (bits.empty()) bits.assign(u.begin(), u.end());
        CHECK(std::memcmp(bits.data(), u.data(), bits.size() * sizeof(float)) == 0,
              "%s: other bits than the other kernels", kernel.name);
      }
    }
}

// Where the elements of a matrix lie: points and tiles with gaps between them.
struct Strides {
  size_t tile, point;
  Strides(size_t channels, size_t tiles, size_t gap)
      : tile(channels + gap), point(tiles * tile + gap) {}
  size_t span(size_t channels, size_t tiles) const {
    return (kWinogradPoints - 1) * point + (tiles - 1) * tile + channels;
  }
};

// All rows of tiles of an image, `tiles` of a row at a time.
void check_input(size_t height, size_t width, size_t channels, size_t pad_y, size_t pad_x,
                 size_t tiles, Guard guard) {
  Random random(height * 131 + width * 17 + channels);
  GuardedArray<float> x(height * width * channels, guard);
  test::fill_uniform(x, random);
  const Strides strides(channels, tiles, channels % 3);
  const auto pixel = [&](size_t y, size_t p, size_t c) {  // of the padded image
    if (y < pad_y || y - pad_y >= height || p < pad_x || p - pad_x >= width) return 0.0f;
    return x[((y - pad_y) * width + p - pad_x) * channels + c];
  };
  // One row and column of tiles beyond the last pixel.
  for (size_t row = 0; row <= (height + pad_y) / 2 + 1; ++row)
    for (size_t first = 0; first <= (width + pad_x) / 2 + 1; first += tiles) {
      std::vector<float> bits;
      for (const WinogradF32Kernel& kernel : kernels()) {
        GuardedArray<float> v(strides.span(channels, tiles), guard);
        kernel.transforms.input({channels,
                                 x.data(),
                                 height,
                                 width,
                                 {pad_y, pad_x},
                                 row,
                                 first,
                                 first + tiles,
                                 v.data(),
                                 strides.point,
                                 strides.tile});
        bool close = true;
        size_t written = 0;
        for (size_t t = 0; t < tiles; ++t)
          for (size_t c = 0; c < channels; ++c)
            for (size_t p = 0; p < kWinogradPoints; ++p) {
              Sum sum;
              for (size_t i = 0; i < 4; ++i)
                for (size_t j = 0; j < 4; ++j)
                  sum.add(kInput[p / 4][i] * kInput[p % 4][j] *
                          double{pixel(2 * row + i, 2 * (first + t) + j, c)});
              close &= sum.close(v[p * strides.point + t * strides.tile + c], 2);
            }
        for (float e : v) written += !std::isnan(e);
        CHECK(close && written == kWinogradPoints * tiles * channels,
              "%s %zux%zux%zu pads %zu %zu, tiles %zu of row %zu", kernel.name, height, width,
              channels, pad_y, pad_x, first, row);
        if (bits.empty()) bits.assign(v.begin(), v.end());
        CHECK(std::memcmp(bits.data(), v.data(), bits.size() * sizeof(float)) == 0,
              "%s: other bits than the other kernels", kernel.name);
      }
    }
}

TEST(winograd_f32_input) {
  int i = 0;
  for (size_t channels : {1, 3, 4, 7, 8, 15, 16, 17, 32, 37})
    for (size_t width : {1, 2, 3, 4, 5, 8, 11})
      for (size_t tiles : {1, 3}) {
        check_input(1 + i % 7, width, channels, i % 3, i % 4, tiles,
                    i % 2 ? Guard::kFront : Guard::kBack);
        ++i;
      }
}

void check_output(size_t height, size_t width, size_t channels, size_t gap, bool has_bias,
                  bool has_residual, UnaryFn fn, Guard guard) {
  Random random(height * 131 + width * 17 + channels);
  const size_t tiles = (width + 1) / 2, pixel_stride = channels + gap;
  const Strides strides(channels, tiles, gap);
  GuardedArray<float> m(strides.span(channels, tiles), guard), bias(channels, guard);
  GuardedArray<float> residual((height * width - 1) * pixel_stride + channels, guard);
  test::fill_uniform(m, random);
  test::fill_uniform(bias, random);
  test::fill_uniform(residual, random);
  const Activation activation = {static_cast<int32_t>(fn), 0.25f, 0.75f};
  std::vector<float> bits;
  for (const WinogradF32Kernel& kernel : kernels()) {
    GuardedArray<float> y(residual.size(), guard);
    if (has_residual) std::copy(residual.begin(), residual.end(), y.begin());
    const size_t split = tiles / 2;  // each row of tiles, which share the sums, in two calls
    for (size_t row = 0; row < (height + 1) / 2; ++row)
      for (const auto& [first, last] : {std::pair(size_t{0}, split), std::pair(split, tiles)})
        kernel.transforms.output({channels, m.data() + first * strides.tile, strides.point,
                                  strides.tile, row, first, last, y.data(), height, width,
                                  pixel_stride, has_bias ? bias.data() : nullptr,
                                  has_residual ? y.data() : nullptr, activation});
    bool close = true;
    for (size_t e = 0; e < y.size(); ++e) {
      const size_t c = e % pixel_stride, at = e / pixel_stride;
      if (c >= channels) {
        close &= has_residual ? y[e] == residual[e] : std::isnan(y[e]);
        continue;
      }
      const size_t oy = at / width, ox = at % width;
      Sum sum;
      for (size_t p = 0; p < kWinogradPoints; ++p)
        sum.add(kOutput[oy % 2][p / 4] * kOutput[ox % 2][p % 4] *
                double{m[p * strides.point + ox / 2 * strides.tile + c]});
      if (has_bias) sum.add(bias[c]);
      if (has_residual) sum.add(residual[e]);
      // These functions make no error larger.
      if (fn == UnaryFn::relu) sum.value = std::max(sum.value, 0.0);
      if (fn == UnaryFn::clip) sum.value = std::min(std::max(sum.value, 0.25), 0.75);
      if (fn == UnaryFn::leaky_relu) sum.value = sum.value < 0 ? 0.25 * sum.value : sum.value;
      close &= sum.close(y[e], 6);
    }
    CHECK(close, "%s %zux%zux%zu gap %zu bias %d residual %d function %d", kernel.name, height,
          width, channels, gap, has_bias, has_residual, activation.fn);
    if (bits.empty()) bits.assign(y.begin(), y.end());
    CHECK(std::memcmp(bits.data(), y.data(), bits.size() * sizeof(float)) == 0,
          "%s: other bits than the other kernels", kernel.name);
  }
}

TEST(winograd_f32_output) {
  int i = 0;
  for (size_t channels : {1, 3, 4, 7, 8, 15, 16, 17, 32, 37})
    for (size_t width : {1, 2, 3, 6, 7})
      for (UnaryFn fn : {UnaryFn::identity, UnaryFn::relu, UnaryFn::clip, UnaryFn::leaky_relu}) {
        check_output(1 + i % 5, width, channels, i % 3 == 0 ? 5 : 0, i % 3 > 0, i % 4 > 1, fn,
                     i % 2 ? Guard::kFront : Guard::kBack);
        ++i;
      }
}

}  // namespace
}  // namespace edgert
