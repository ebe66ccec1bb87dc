#include "kernels/pool_u8/pool_u8.h"

#include <algorithm>

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

std::vector<PoolU8Kernel> kernels() {
  std::vector<PoolU8Kernel> list;
#define KERNEL(symbol, isa) \
  if (test::can_run(Isa::isa)) list.push_back({#symbol, Isa::isa, symbol});
#include "kernels/pool_u8/kernels.inc"
  return list;
}

class Problem {
 public:
  Problem(const PoolAxis& height, const PoolAxis& width, int channels, Guard guard,
          bool extreme = false)
      : height_(height),
        width_(width),
        channels_(static_cast<size_t>(channels)),
        rows_(pool_windows(height)),
        columns_(pool_windows(width)),
        guard_(guard),
        x_(channels_ * static_cast<size_t>(height.size * width.size), guard) {
    Random random(x_.size());
    for (uint8_t& x : x_) x = extreme ? 255 : static_cast<uint8_t>(random.bits());
  }

  void check() {
    PoolU8 p = {};
    check<uint8_t>(p, [](auto& taps, auto&, auto&) { return largest<uint8_t>(taps); });
    p.is_signed = true;
    check<int8_t>(p, [](auto& taps, auto&, auto&) { return largest<int8_t>(taps); });
    p = {};
    p.average = true;
    p.x_zero = 19;
    p.x_scale = 0.9f;
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
  }

 private:
  template <typename T>
  static T largest(const std::vector<uint8_t>& taps) {
    T most = static_cast<T>(taps[0]);
    for (uint8_t tap : taps) most = std::max(most, static_cast<T>(tap));
    return most;
  }
  static float average(const PoolU8& p, const std::vector<uint8_t>& taps, const PoolWindow& row,
                       const PoolWindow& column) {
    int32_t sum = 0;
    for (uint8_t tap : taps) sum += tap - p.x_zero;
    const float scale = p.x_scale / static_cast<float>(row.counted * column.counted);
    return static_cast<float>(sum) * scale;
  }

  // value(taps of a window, its row, its column) is what a kernel must give.
  template <typename T, typename Value>
  void check(PoolU8 p, const Value& value) {
    std::vector<T> expected;
    for (const PoolWindow& row : rows_)
      for (const PoolWindow& column : columns_)
        for (size_t k = 0; k < channels_; ++k) {
          std::vector<uint8_t> taps;
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
    p.x = x_.data();
    for (const PoolU8Kernel& kernel : kernels()) {
      GuardedArray<T> y(expected.size(), guard_);
      p.y = y.data();
      kernel.run(p);
      CHECK(std::memcmp(y.data(), expected.data(), expected.size() * sizeof(T)) == 0,
            "%s average=%d signed=%d type=%d channels=%zu kernel=%dx%d", kernel.name, p.average,
            p.is_signed, p.output.dtype, channels_, height_.kernel, width_.kernel);
    }
  }

  PoolAxis height_, width_;
  size_t channels_;
  std::vector<PoolWindow> rows_, columns_;
  Guard guard_;
  GuardedArray<uint8_t> x_;
};

TEST(pool_u8_channels) {
  for (int channels :
       {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 63, 64, 65, 100, 128, 131, 257, 300})
    for (Guard guard : {Guard::kFront, Guard::kBack})
      Problem({9, 3, 2, 1, 1}, {8, 3, 2, 1, 1}, channels, guard).check();
}

TEST(pool_u8_windows) {
  Problem({11, 2, 3, 4, 1}, {13, 3, 1, 2, 2}, 5, Guard::kBack).check();
  Problem({1, 1, 1, 1, 0}, {40, 1, 2, 1, 0}, 6, Guard::kFront).check();
  Problem({6, 5, 1, 1, 4}, {6, 4, 3, 1, 3}, 35, Guard::kFront).check();
}

TEST(pool_u8_whole_images) {
  for (bool extreme : {false, true})
    for (int channels : {3, 20, 72}) {
      Problem({7, 7, 1, 1, 0}, {7, 7, 1, 1, 0}, channels, Guard::kBack, extreme).check();
      Problem({56, 56, 1, 1, 0}, {56, 56, 1, 1, 0}, channels, Guard::kBack, extreme).check();
    }
}

}  // namespace
}  // namespace edgert
