#include "kernels/pool_f32/pool_f32.h"

#include <algorithm>

#include "harness.h"
#include "pool_windows.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;
using test::pool_windows;
using test::PoolAxis;
using test::Random;

void check(bool average, const PoolAxis& height, const PoolAxis& width, int channels, Guard guard) {
  const std::vector<PoolWindow> rows = pool_windows(height), columns = pool_windows(width);
  const size_t outputs = rows.size() * columns.size() * channels;
  GuardedArray<float> x(static_cast<size_t>(height.size) * width.size * channels, guard);
  Random random(outputs);
  test::fill_uniform(x, random);
  for (size_t i = 0; i < x.size() && !average; i += 7) x[i] = NAN;

  std::vector<float> expected;
  for (const PoolWindow& row : rows)
    for (const PoolWindow& column : columns)
      for (int k = 0; k < channels; ++k) {
        float sum = 0, most = -INFINITY;
        for (int i = 0; i < row.taps; ++i)
          for (int j = 0; j < column.taps; ++j) {
            const size_t r = row.first + i * height.dilation, c = column.first + j * width.dilation;
            const float value = x[(r * width.size + c) * channels + k];
            sum += value;
            most = std::fmax(most, value);
          }
        expected.push_back(average ? sum / static_cast<float>(row.counted * column.counted) : most);
      }
  for (const Kernel<PoolF32>& kernel : test::kernels(&LevelKernels::pool_f32)) {
    GuardedArray<float> y(outputs, guard);
    kernel.run({average,
                {static_cast<size_t>(channels), static_cast<size_t>(width.size), height.dilation,
                 width.dilation, rows.data(), rows.size(), columns.data(), columns.size()},
                x.data(),
                y.data()});
    CHECK(std::memcmp(y.data(), expected.data(), outputs * sizeof(float)) == 0,
          "%s average=%d channels=%d kernel=%dx%d", kernel.name, average, channels, height.kernel,
          width.kernel);
  }
}

TEST(pool_f32_channels) {
  for (int channels : {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 65, 100, 131})
    for (bool average : {false, true})
      for (Guard guard : {Guard::kFront, Guard::kBack})
        check(average, {9, 3, 2, 1, 1}, {8, 3, 2, 1, 1}, channels, guard);
}

TEST(pool_f32_windows) {
  for (bool average : {false, true}) {
    check(average, {7, 7, 1, 1, 0}, {5, 5, 1, 1, 0}, 20, Guard::kBack);
    check(average, {11, 2, 3, 4, 1}, {13, 3, 1, 2, 2}, 5, Guard::kBack);
    check(average, {1, 1, 1, 1, 0}, {40, 1, 2, 1, 0}, 6, Guard::kFront);
    check(average, {6, 5, 1, 1, 4}, {6, 4, 3, 1, 3}, 35, Guard::kFront);
  }
}

TEST(pool_f32_keeps_infinities) {
  for (const Kernel<PoolF32>& kernel : test::kernels(&LevelKernels::pool_f32)) {
    const PoolWindow window = {0, 1, 1};
    for (float value : {-INFINITY, INFINITY}) {
      float y = 0;
      kernel.run({false, {1, 1, 1, 1, &window, 1, &window, 1}, &value, &y});
      CHECK(y == value, "%s: %g", kernel.name, y);
    }
  }
}

}  // namespace
}  // namespace edgert
