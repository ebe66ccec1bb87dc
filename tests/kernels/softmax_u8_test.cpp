#include "kernels/softmax_u8/softmax_u8.h"

#include <algorithm>

#include "harness.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;
using test::Random;

// The formula of softmax_u8.h, element by element.
void reference(const SoftmaxU8& g) {
  for (size_t r = 0; r < g.rows; ++r) {
    const uint8_t* const x = g.x + r * g.columns;
    const int greatest = *std::max_element(x, x + g.columns);
    int64_t sum = 0;
    for (size_t j = 0; j < g.columns; ++j) sum += g.table[255 - greatest + x[j]];
    const float factor = g.levels / static_cast<float>(sum);
    for (size_t j = 0; j < g.columns; ++j) {
      const float t = static_cast<float>(g.table[255 - greatest + x[j]]) * factor;
      const float low = static_cast<float>(-g.zero), high = static_cast<float>(255 - g.zero);
      const float clamped = std::min(t > low ? t : low, high);
      g.y[r * g.columns + j] = static_cast<uint8_t>(std::nearbyint(clamped) + g.zero);
    }
  }
}

struct Case {
  float scale, levels;
  int32_t zero;
  int low, high;  // of x
};

void check(const Case& c, size_t row_count, size_t columns, Guard guard) {
  Random random(columns);
  const size_t n = row_count * columns;
  GuardedArray<int32_t> table(256, guard);
  for (int i = 0; i < 256; ++i)
    table[i] = static_cast<int32_t>(std::lrint(std::exp(c.scale * (i - 255)) * 0x1p23));
  GuardedArray<uint8_t> x(n, guard), expected(n, guard);
  for (uint8_t& byte : x) byte = static_cast<uint8_t>(random.integer(c.low, c.high));
  SoftmaxU8 g{row_count, columns, x.data(), table.data(), c.levels, c.zero, expected.data()};
  reference(g);
  for (const Kernel<SoftmaxU8>& kernel : test::kernels(&LevelKernels::softmax_u8)) {
    GuardedArray<uint8_t> y(n, guard), in_place(n, guard);
    std::copy(x.begin(), x.end(), in_place.begin());
    g.x = x.data();
    g.y = y.data();
    kernel.run(g);
    g.x = g.y = in_place.data();
    kernel.run(g);
    for (size_t i = 0; i < n; ++i)
      CHECK(y[i] == expected[i] && in_place[i] == expected[i],
            "%s columns=%zu scale=%g i=%zu: %d and %d, expected %d", kernel.name, columns, c.scale,
            i, y[i], in_place[i], expected[i]);
  }
}

const Case kCases[] = {
    {0.05f, 255.0f, 0, 0, 255},
    {0.3f, 256.0f, 0, 90, 200},
    {0.0f, 4000.0f, 100, 0, 255},  // all terms are equal; bytes saturate
    {4.0f, 255.0f, 255, 0, 3},     // few terms count
};

TEST(softmax_u8_lengths) {  // around vectors, and around the block of 256
  for (const Case& c : kCases)
    for (Guard guard : {Guard::kFront, Guard::kBack}) {
      for (size_t columns = 1; columns < 140; ++columns) check(c, 3, columns, guard);
      for (size_t columns : {255, 256, 257, 300, 511, 512, 513, 6625}) check(c, 2, columns, guard);
    }
}

TEST(softmax_u8_equal_bytes) {  // the largest sums, beyond what a float holds
  for (int byte : {0, 7, 255})
    for (size_t columns : {1, 40, 256, 257, 100000})
      check({0.1f, 1e6f, 3, byte, byte}, 1, columns, Guard::kBack);
}

}  // namespace
}  // namespace edgert
