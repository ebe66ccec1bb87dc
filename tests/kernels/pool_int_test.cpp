#include "kernels/pool_int/pool_int.h"

#include <algorithm>
#include <limits>

#include "harness.h"
#include "pool_windows.h"
#include "schema/enums.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;
using test::pool_windows;
using test::PoolAxis;
using test::Random;

template <typename X>  // of the image
class Problem {
 public:
  Problem(const PoolAxis& height, const PoolAxis& width, int channels, Guard guard, bool extreme)
      : height_(height),
        width_(width),
        channels_(static_cast<size_t>(channels)),
        rows_(pool_windows(height)),
        columns_(pool_windows(width)),
        guard_(guard),
        x_(channels_ * static_cast<size_t>(height.size * width.size), guard) {
    Random random(x_.size());
    for (X& x : x_) x = extreme ? std::numeric_limits<X>::max() : static_cast<X>(random.bits());
  }

  void check() {
    if constexpr (sizeof(X) == 1) {
      check_maximum<uint8_t>(DType::u8);
      check_maximum<int8_t>(DType::i8);
      check_average(DType::u8, 19);
    } else {
      check_maximum<int16_t>(DType::i16);
      check_average(DType::i16, 0);
    }
  }

 private:
  template <typename T>
  void check_maximum(DType dtype) {
    PoolInt p = {};
    p.dtype = dtype;
    p.output = {static_cast<int32_t>(dtype), {}, 1.0f, 0, INT16_MIN, INT16_MAX};
    check<T>(p, [](auto& taps, auto&, auto&) { return largest<T>(taps); });
  }

  void check_average(DType dtype, int32_t zero) {
    PoolInt p = {};
    p.average = true;
    p.dtype = dtype;
    p.x_zero = zero;
    p.x_scale = sizeof(X) == 1 ? 0.9f : 0.004f;
    p.output.dtype = static_cast<int32_t>(DType::f32);
    p.output.scale = 0.5f;
    check<float>(p, [&](auto& taps, auto& row, auto& column) {
      return average(p, taps, row, column) * 0.5f;
    });
    p.output = {static_cast<int32_t>(DType::u8), {}, 1.0f, 30, 2, 250};
    check<uint8_t>(p, [&](auto& taps, auto& row, auto& column) {
      const float t = average(p, taps, row, column);
      return static_cast<uint8_t>(std::nearbyintf(std::min(std::max(t, -28.0f), 220.0f)) + 30.0f);
    });
    if (dtype != DType::i16) return;
    p.x_scale = 1.5f;
    p.output = {static_cast<int32_t>(DType::i16), {}, 1.0f, 0, -32000, 32767};
    check<int16_t>(p, [&](auto& taps, auto& row, auto& column) {
      const float t = average(p, taps, row, column);
      return static_cast<int16_t>(std::nearbyintf(std::min(std::max(t, -32000.0f), 32767.0f)));
    });
  }

  template <typename T>
  static T largest(const std::vector<X>& taps) {
    T most = static_cast<T>(taps[0]);
    for (X tap : taps) most = std::max(most, static_cast<T>(tap));
    return most;
  }
  static float average(const PoolInt& p, const std::vector<X>& taps, const PoolWindow& row,
                       const PoolWindow& column) {
    int32_t sum = 0;
    for (X tap : taps) sum += tap - p.x_zero;
    const float scale = p.x_scale / static_cast<float>(row.counted * column.counted);
    return static_cast<float>(sum) * scale;
  }

  // value(taps of a window, its row, its column) is what a kernel must give.
  template <typename T, typename Value>
  void check(PoolInt p, const Value& value) {
    std::vector<T> expected;
    for (const PoolWindow& row : rows_)
      for (const PoolWindow& column : columns_)
        for (size_t k = 0; k < channels_; ++k) {
          std::vector<X> taps;
          for (int i = 0; i < row.taps; ++i)
            for (int j = 0; j < column.taps; ++j) {
              const int r = row.first + i * height_.dilation,
                        c = column.first + j * width_.dilation;
              taps.push_back(x_[static_cast<size_t>(r * width_.size + c) * channels_ + k]);
            }
          expected.push_back(value(taps, row, column));
        }
    p.image = {channels_,        static_cast<size_t>(width_.size),
               height_.dilation, width_.dilation,
               rows_.data(),     rows_.size(),
               columns_.data(),  columns_.size()};
    p.x = reinterpret_cast<const uint8_t*>(x_.data());
    for (const Kernel<PoolInt>& kernel : test::kernels(&LevelKernels::pool_int)) {
      GuardedArray<T> y(expected.size(), guard_);
      p.y = y.data();
      kernel.run(p);
      CHECK(std::memcmp(y.data(), expected.data(), expected.size() * sizeof(T)) == 0,
            "%s average=%d dtype=%d to %d channels=%zu kernel=%dx%d", kernel.name, p.average,
            static_cast<int>(p.dtype), p.output.dtype, channels_, height_.kernel, width_.kernel);
    }
  }

  PoolAxis height_, width_;
  size_t channels_;
  std::vector<PoolWindow> rows_, columns_;
  Guard guard_;
  GuardedArray<X> x_;
};

void check(const PoolAxis& height, const PoolAxis& width, int channels, Guard guard,
           bool extreme = false) {
  Problem<uint8_t>(height, width, channels, guard, extreme).check();
  Problem<int16_t>(height, width, channels, guard, extreme).check();
}

TEST(pool_int_channels) {
  for (int channels :
       {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 63, 64, 65, 100, 128, 131, 257, 300})
    for (Guard guard : {Guard::kFront, Guard::kBack})
      check({9, 3, 2, 1, 1}, {8, 3, 2, 1, 1}, channels, guard);
}

TEST(pool_int_windows) {
  check({11, 2, 3, 4, 1}, {13, 3, 1, 2, 2}, 5, Guard::kBack);
  check({1, 1, 1, 1, 0}, {40, 1, 2, 1, 0}, 6, Guard::kFront);
  check({6, 5, 1, 1, 4}, {6, 4, 3, 1, 3}, 35, Guard::kFront);
}

TEST(pool_int_whole_images) {
  for (bool extreme : {false, true})
    for (int channels : {3, 20, 72}) {
      check({7, 7, 1, 1, 0}, {7, 7, 1, 1, 0}, channels, Guard::kBack, extreme);
      check({56, 56, 1, 1, 0}, {56, 56, 1, 1, 0}, channels, Guard::kBack, extreme);
    }
}

}  // namespace
}  // namespace edgert
