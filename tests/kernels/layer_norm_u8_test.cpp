#include "kernels/layer_norm_u8/layer_norm_u8.h"

#include <algorithm>

#include "harness.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;
using test::Random;

// The formula of layer_norm_u8.h, element by element.
void reference(const LayerNormU8& g) {
  const double n = static_cast<double>(g.columns);
  for (size_t r = 0; r < g.rows; ++r) {
    const uint8_t* const x = g.x + r * g.columns;
    int64_t sum = 0, squares = 0;
    for (size_t j = 0; j < g.columns; ++j) {
      sum += x[j];
      squares += x[j] * x[j];
    }
    const int64_t spread = static_cast<int64_t>(g.columns) * squares - sum * sum;
    const double variance = static_cast<double>(spread) / (n * n);
    const float mean = static_cast<float>(static_cast<double>(sum) / n);
    const float factor = static_cast<float>(1.0 / std::sqrt(variance + g.epsilon));
    for (size_t j = 0; j < g.columns; ++j) {
      const float normal = (static_cast<float>(x[j]) - mean) * factor;
      const float product = normal * g.scale[j];
      const float t = product + g.shift[j];
      const float low = static_cast<float>(-g.zero), high = static_cast<float>(255 - g.zero);
      const float clamped = std::min(t > low ? t : low, high);  // NaN is low
      g.y[r * g.columns + j] = static_cast<uint8_t>(std::nearbyint(clamped) + g.zero);
    }
  }
}

struct Case {
  float epsilon, size;  // size: of scale and shift
  int32_t zero;
  int low, high;  // of x
};

void check(const Case& c, size_t row_count, size_t columns, Guard guard) {
  Random random(columns);
  const size_t n = row_count * columns;
  GuardedArray<float> scale(columns, guard), shift(columns, guard);
  test::fill_uniform(scale, random, -c.size, c.size);
  test::fill_uniform(shift, random, -c.size, c.size);
  GuardedArray<uint8_t> x(n, guard), expected(n, guard);
  for (uint8_t& byte : x) byte = static_cast<uint8_t>(random.integer(c.low, c.high));
  LayerNormU8 g{row_count,    columns,   x.data(), scale.data(),
                shift.data(), c.epsilon, c.zero,   expected.data()};
  reference(g);
  for (const Kernel<LayerNormU8>& kernel : test::kernels(&LevelKernels::layer_norm_u8)) {
    GuardedArray<uint8_t> y(n, guard), in_place(n, guard);
    std::copy(x.begin(), x.end(), in_place.begin());
    g.x = x.data();
    g.y = y.data();
    kernel.run(g);
    g.x = g.y = in_place.data();
    kernel.run(g);
    for (size_t i = 0; i < n; ++i)
      CHECK(y[i] == expected[i] && in_place[i] == expected[i],
            "%s columns=%zu i=%zu: %d and %d, expected %d", kernel.name, columns, i, y[i],
            in_place[i], expected[i]);
  }
}

const Case kCases[] = {
    {0.01f, 60.0f, 128, 0, 255},
    {1e-9f, 40.0f, 90, 100, 103},
    {0.0f, 40.0f, 90, 9, 9},   // no variance: all is NaN
    {3.0f, 3e38f, 0, 0, 255},  // beyond bytes, and beyond floats
};

TEST(layer_norm_u8_lengths) {
  for (const Case& c : kCases)
    for (Guard guard : {Guard::kFront, Guard::kBack}) {
      for (size_t columns = 1; columns < 140; ++columns) check(c, 3, columns, guard);
      for (size_t columns : {255, 256, 257, 768, 1001}) check(c, 2, columns, guard);
    }
}

TEST(layer_norm_u8_largest_sums) {
  for (size_t columns : {kMaxLayerNormColumns - 1, kMaxLayerNormColumns})
    for (int low : {0, 254, 255}) check({1.0f, 60.0f, 128, low, 255}, 1, columns, Guard::kBack);
}

}  // namespace
}  // namespace edgert
