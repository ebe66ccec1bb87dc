// The steps of the exact convolution by Winograd against their definition.
#include "kernels/winograd_i8/winograd_i8.h"

#include <algorithm>

#include "accumulator_case.h"
#include "core/memory.h"
#include "harness.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;
using test::Random;

std::vector<WinogradI8Kernel> kernels() {
  std::vector<WinogradI8Kernel> list;
#define KERNEL(symbol, isa, form, ...) \
  if (test::can_run(Isa::isa)) list.push_back({#symbol, Isa::isa, symbol, Form::form, __VA_ARGS__});
#include "kernels/winograd_i8/kernels.inc"
  return list;
}

constexpr int kWeights[4][3] = {{2, 0, 0}, {1, 1, 1}, {1, -1, 1}, {0, 0, 2}};
constexpr int kInput[4][4] = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}};
constexpr int kOutput[2][4] = {{1, 1, 1, 0}, {0, 1, -1, -1}};

TEST(winograd_i8_weights) {
  for (const WinogradI8Kernel& kernel : kernels())
    for (size_t blocks : {1, 2, 5})
      for (int extreme : {0, -128, 127}) {
        Random random(blocks);
        const size_t tap = blocks * 64;
        GuardedArray<int8_t> w(9 * tap);
        GuardedArray<int16_t> u(kWinogradPoints * tap);
        for (int8_t& x : w)
          x = static_cast<int8_t>(extreme != 0 ? extreme : random.integer(-128, 127));
        kernel.steps.weights({blocks, w.data(), u.data()});
        for (size_t p = 0; p < kWinogradPoints; ++p)
          for (size_t c = 0; c < 4 * blocks; ++c)
            for (size_t o = 0; o < kWinogradOutputs; ++o) {
              int expected = 0;
              for (size_t i = 0; i < 3; ++i)
                for (size_t j = 0; j < 3; ++j)
                  expected += kWeights[p / 4][i] * kWeights[p % 4][j] *
                              w[(3 * i + j) * tap + c / 4 * 64 + o * 4 + c % 4];
              const int found = u[p * tap + c / 2 * 32 + o * 2 + c % 2];
              CHECK(found == expected, "%s point %zu channel %zu output %zu: %d, expected %d",
                    kernel.name, p, c, o, found, expected);
            }
      }
}

// All rows of tiles of an image, and one beyond, `tiles` of a row at a time.
void check_input(const WinogradI8Kernel& kernel, size_t height, size_t width, size_t channels,
                 size_t pad_y, size_t pad_x, size_t tiles, uint8_t outside, Guard guard) {
  Random random(height * 131 + width * 17 + channels);
  GuardedArray<uint8_t> x(height * width * channels, guard);
  for (uint8_t& e : x) e = static_cast<uint8_t>(std::clamp(random.integer(-60, 315), 0, 255));
  const size_t tile_stride = round_up(channels, kWinogradChannels);
  const size_t point_stride = tiles * tile_stride;
  const auto pixel = [&](size_t y, size_t p, size_t c) -> int {  // of the padded image
    if (y < pad_y || y - pad_y >= height || p < pad_x || p - pad_x >= width) return outside;
    return x[((y - pad_y) * width + p - pad_x) * channels + c];
  };
  for (size_t row = 0; row <= (height + pad_y) / 2 + 1; ++row)
    for (size_t first = 0; first <= (width + pad_x) / 2 + 1; first += tiles) {
      GuardedArray<int16_t> v(kWinogradPoints * point_stride, guard);
      kernel.steps.input({channels,
                          x.data(),
                          height,
                          width,
                          {pad_y, pad_x},
                          row,
                          first,
                          first + tiles,
                          v.data(),
                          point_stride,
                          tile_stride,
                          outside});
      bool equal = true;
      for (size_t t = 0; t < tiles; ++t)
        for (size_t c = 0; c < channels; ++c)
          for (size_t p = 0; p < kWinogradPoints; ++p) {
            int expected = 0;
            for (size_t i = 0; i < 4; ++i)
              for (size_t j = 0; j < 4; ++j)
                expected += kInput[p / 4][i] * kInput[p % 4][j] *
                            pixel(2 * row + i, 2 * (first + t) + j, c);
            equal &= v[p * point_stride + t * tile_stride + c] == expected;
          }
      CHECK(equal, "%s %zux%zux%zu pads %zu %zu, tiles %zu of row %zu", kernel.name, height, width,
            channels, pad_y, pad_x, first, row);
    }
}

TEST(winograd_i8_input) {
  int i = 0;
  for (const WinogradI8Kernel& kernel : kernels())
    for (size_t channels : {1, 3, 8, 15, 16, 17, 32, 37})
      for (size_t width : {1, 2, 3, 4, 5, 8, 11})
        for (size_t tiles : {1, 3}) {
          check_input(kernel, 1 + i % 7, width, channels, i % 3, i % 4, tiles,
                      static_cast<uint8_t>(i % 3 * 127 + i % 2),
                      i % 2 ? Guard::kFront : Guard::kBack);
          ++i;
        }
}

TEST(winograd_i8_products) {
  for (const WinogradI8Kernel& kernel : kernels())
    for (size_t tiles : {1, 2, 5, 6, 7, 11, 13, 37})
      for (size_t blocks : {1, 2, 3, 10, 457})
        for (bool extreme : {false, true}) {
          // Extremes wrap around, as they may.
          Random random(tiles * 100 + blocks);
          const size_t stride = blocks * 4 + tiles % 3;
          GuardedArray<int16_t> v((tiles - 1) * stride + blocks * 4), u(blocks * 64);
          GuardedArray<int32_t> m(tiles * kWinogradOutputs);
          for (int16_t& x : v)
            x = static_cast<int16_t>(extreme ? 1020 : random.integer(-1020, 1020));
          for (int16_t& x : u)
            x = static_cast<int16_t>(extreme ? -1152 : random.integer(-1152, 1152));
          kernel.steps.products({tiles, blocks, v.data(), stride, u.data(), m.data(),
                                 tiles % 2 ? u.data() : nullptr});
          for (size_t t = 0; t < tiles; ++t)
            for (size_t o = 0; o < kWinogradOutputs; ++o) {
              int64_t sum = 0;
              for (size_t c = 0; c < 4 * blocks; ++c)
                sum += int64_t{v[t * stride + c]} * u[c / 2 * 32 + o * 2 + c % 2];
              const int32_t expected = static_cast<int32_t>(sum);
              const int32_t found = m[t * kWinogradOutputs + o];
              CHECK(found == expected, "%s tiles=%zu blocks=%zu at %zu, %zu: %d, expected %d",
                    kernel.name, tiles, blocks, t, o, found, expected);
            }
        }
}

template <typename T>
void check_output(const WinogradI8Kernel& kernel, size_t height, size_t width, size_t channels,
                  size_t gap, const test::AccumulatorCase& end, bool small, Guard guard) {
  Random random(height * 131 + width * 17 + channels);
  const size_t tiles = (width + 1) / 2, pixel_stride = channels + gap;
  const size_t point_stride = tiles * kWinogradOutputs;
  GuardedArray<int32_t> m(kWinogradPoints * point_stride, guard), bias(channels, guard);
  GuardedArray<float> multiplier(channels, guard);
  GuardedArray<T> y((height * width - 1) * pixel_stride + channels, guard);
  GuardedArray<uint8_t> residual(y.size(), guard);
  for (int32_t& x : m) x = random.integer(-50000, 50000) * 4;
  for (int32_t& x : bias) x = random.integer(-100000, 100000);
  for (float& x : multiplier) x = random.uniform(1e-4f, 2e-3f);
  for (uint8_t& x : residual) x = static_cast<uint8_t>(random.integer(0, 255));
  // Each row of tiles, which share the sums, in two calls.
  for (size_t row = 0; row < (height + 1) / 2; ++row)
    for (const auto& [first, last] :
         {std::pair(size_t{0}, tiles / 2), std::pair(tiles / 2, tiles)}) {
      WinogradOutputI8 g;
      g.channels = channels;
      g.m = m.data() + first * kWinogradOutputs;
      g.point_stride = point_stride;
      g.row = row;
      g.first = first;
      g.last = last;
      g.y = y.data();
      g.height = height;
      g.width = width;
      g.pixel_stride = pixel_stride;
      g.out = end.record(bias.data(), multiplier.data(), residual.data());
      g.out.small = small;
      kernel.steps.output(g);
    }
  bool equal = true;
  for (size_t e = 0; e < y.size(); ++e) {
    const size_t c = e % pixel_stride, oy = e / pixel_stride / width, ox = e / pixel_stride % width;
    if (c >= channels) {
      equal &= std::memcmp(&y[e], "\xff\xff\xff\xff", sizeof(T)) == 0;
      continue;
    }
    int64_t sum = 0;
    for (size_t p = 0; p < kWinogradPoints; ++p)
      sum += kOutput[oy % 2][p / 4] * kOutput[ox % 2][p % 4] *
             int64_t{m[p * point_stride + ox / 2 * kWinogradOutputs + c]};
    equal &=
        y[e] == static_cast<T>(end.expected(sum / 4 + bias[c], multiplier[c], residual.data() + e));
  }
  CHECK(equal, "%s %zux%zux%zu gap %zu residual %d hard_swish %d float %d small %d", kernel.name,
        height, width, channels, gap, end.residual, end.hard_swish, end.to_float, small);
}

TEST(winograd_i8_output) {
  int i = 0;
  for (const WinogradI8Kernel& kernel : kernels())
    for (size_t channels : {1, 7, 8, 9, 15, 16})
      for (size_t width : {1, 2, 3, 6, 15, 16, 17, 35})
        for (int flags = 0; flags < 16; ++flags, ++i) {
          const test::AccumulatorCase end = {flags % 2 == 1, flags / 2 % 2 == 1,
                                             flags / 4 % 2 == 1};
          const auto check = end.to_float ? check_output<float> : check_output<uint8_t>;
          check(kernel, 1 + i % 5, width, channels, i % 3 == 0 ? 5 : 0, end, flags >= 8,
                i % 2 ? Guard::kFront : Guard::kBack);
        }
}

}  // namespace
}  // namespace edgert
