#include "kernels/dwconv_i8/dwconv_i8.h"

#include <algorithm>

#include "accumulator_case.h"
#include "harness.h"
#include "schema/enums.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;
using test::Random;

std::vector<DwconvI8Kernel> rows() {
  std::vector<DwconvI8Kernel> list;
#define KERNEL(symbol, isa, block, group_rows) \
  if (test::can_run(Isa::isa)) list.push_back({#symbol, Isa::isa, symbol, block, group_rows});
#include "kernels/dwconv_i8/kernels.inc"
  return list;
}

struct Filter {
  size_t height, width, strides[2], dilations[2];
};

enum Flag {
  kResidual = 1,
  kFloat = 2,
  kStrided = 4,
  kHardSwish = 8,
  kExtreme = 16,    // products as large as can be, results beyond 16 bits
  kInPlace = 32,    // the output over the residual
  kHuge = 64,       // sums wrap, results leave 32 bits
  kUnproven = 128,  // that results are small
};

// One problem: operands flush against guard pages, and what the result is by the definition.
class Problem {
 public:
  Problem(size_t height, size_t width, size_t channels, const Filter& f, size_t pad, int flags,
          Guard guard)
      : height_(height),
        width_(width),
        channels_(channels),
        pixel_(channels + (flags & kStrided ? 5 : 0)),
        f_(f),
        pad_(pad),
        out_height_(outputs(height, f.height, 0)),
        out_width_(outputs(width, f.width, 1)),
        flags_(flags),
        guard_(guard),
        x_(span(height * width), guard),
        w_((f.height * f.width - 1) * pixel_ + channels, guard),
        bias_(channels, guard),
        multiplier_(channels, guard),
        residual_(span(out_height_ * out_width_), guard) {
    Random random(height * 131 + width * 17 + channels + f.width + flags);
    x_zero_ = static_cast<uint8_t>(has(kExtreme) ? 255 : random.integer(0, 255));
    for (uint8_t& x : x_) x = static_cast<uint8_t>(has(kExtreme) ? 255 : random.integer(0, 255));
    for (uint8_t& x : residual_) x = static_cast<uint8_t>(random.integer(0, 255));
    for (size_t i = 0; i < w_.size(); ++i)
      w_[i] = static_cast<int8_t>(!has(kExtreme) ? random.integer(-128, 127)
                                  : i % 3 == 0   ? 127
                                                 : -128);
    for (int32_t& x : bias_)  // near the ends of the range, and beyond: sums wrap around
      x = has(kHuge) ? static_cast<int32_t>((random.integer(0, 1) ? 0x80000000u : 0x7fffffffu) +
                                            static_cast<uint32_t>(random.integer(-4, 4)))
                     : random.integer(-20000, 20000);
    for (float& x : multiplier_)
      x = has(kHuge) ? 0x1p38f : random.uniform(0.0f, has(kExtreme) ? 30.0f : 1e-2f);
  }

  bool empty() const { return out_height_ == 0 || out_width_ == 0; }

  void run() {
    for (const DwconvI8Kernel& kernel : rows())
      has(kFloat) ? run<float>(kernel) : run<uint8_t>(kernel);
  }

 private:
  bool has(Flag flag) const { return flags_ & flag; }
  size_t outputs(size_t size, size_t kernel, int axis) const {
    const size_t reach = (kernel - 1) * f_.dilations[axis] + 1;
    return size + 2 * pad_ < reach ? 0 : (size + 2 * pad_ - reach) / f_.strides[axis] + 1;
  }
  size_t span(size_t pixels) const { return pixels == 0 ? 0 : (pixels - 1) * pixel_ + channels_; }

  test::AccumulatorCase end() const { return {has(kResidual), has(kHardSwish), has(kFloat)}; }

  float expected(size_t oy, size_t ox, size_t c) {
    int64_t sum = bias_[c];
    for (size_t i = 0; i < f_.height; ++i)
      for (size_t j = 0; j < f_.width; ++j) {
        const size_t y = oy * f_.strides[0] + i * f_.dilations[0];
        const size_t x = ox * f_.strides[1] + j * f_.dilations[1];
        const bool inside = y >= pad_ && y < pad_ + height_ && x >= pad_ && x < pad_ + width_;
        const int value = inside ? x_[((y - pad_) * width_ + x - pad_) * pixel_ + c] : x_zero_;
        sum += value * w_[(i * f_.width + j) * pixel_ + c];
      }
    return end().expected(sum, multiplier_[c],
                          residual_.data() + (oy * out_width_ + ox) * pixel_ + c);
  }

  template <typename T>
  void run(const DwconvI8Kernel& kernel) {
    GuardedArray<T> y(span(out_height_ * out_width_), guard_);
    DwconvI8 g = {};
    g.channels = channels_;
    g.pixel_stride = g.w_stride = pixel_;
    g.x = x_.data();
    g.height = height_;
    g.width = width_;
    g.x_zero = x_zero_;
    g.y = y.data();
    g.out_width = out_width_;
    g.kernel[0] = f_.height;
    g.kernel[1] = f_.width;
    for (int i : {0, 1}) {
      g.strides[i] = f_.strides[i];
      g.dilations[i] = f_.dilations[i];
      g.pads[i] = pad_;
    }
    g.w = w_.data();
    g.out = end().record(bias_.data(), multiplier_.data(), residual_.data());
    g.out.small = !has(kHuge) && !has(kUnproven);
    if (has(kInPlace) && has(kResidual) && !has(kFloat)) {
      std::memcpy(y.data(), residual_.data(), residual_.size());
      g.out.residual = reinterpret_cast<const uint8_t*>(y.data());
    }
    GuardedArray<std::byte> scratch(dwconv_i8_scratch_bytes(kernel, g));
    g.scratch = scratch.data();
    const size_t split = out_height_ / 2;  // the same rows in two calls
    g.row_begin = 0;
    g.row_end = split;
    kernel.run(g);
    g.row_begin = split;
    g.row_end = out_height_;
    kernel.run(g);
    for (size_t oy = 0; oy < out_height_; ++oy)
      for (size_t ox = 0; ox < out_width_; ++ox)
        for (size_t c = 0; c < pixel_; ++c) {
          const size_t at = (oy * out_width_ + ox) * pixel_ + c;
          if (at >= y.size()) continue;
          if (c < channels_) {
            const T wanted = static_cast<T>(expected(oy, ox, c));
            if (y[at] == wanted) continue;
            CHECK(false,
                  "%s %zux%zux%zu filter %zux%zu stride %zu dilation %zu pad %zu flags %d at %zu, "
                  "%zu, %zu: %g, expected %g",
                  kernel.name, height_, width_, channels_, f_.height, f_.width, f_.strides[1],
                  f_.dilations[1], pad_, flags_, oy, ox, c, static_cast<double>(y[at]),
                  static_cast<double>(wanted));
            return;
          }
          CHECK(std::memcmp(&y[at],
                            g.out.residual == reinterpret_cast<const uint8_t*>(y.data())
                                ? reinterpret_cast<const char*>(&residual_[at])
                                : "\xff\xff\xff\xff",
                            sizeof(T)) == 0,
                "%s wrote other channels", kernel.name);
        }
  }

  size_t height_, width_, channels_, pixel_;
  Filter f_;
  size_t pad_, out_height_, out_width_;
  int flags_;
  Guard guard_;
  uint8_t x_zero_;
  GuardedArray<uint8_t> x_;
  GuardedArray<int8_t> w_;
  GuardedArray<int32_t> bias_;
  GuardedArray<float> multiplier_;
  GuardedArray<uint8_t> residual_;
};

void check(size_t height, size_t width, size_t channels, const Filter& f, size_t pad, int flags) {
  for (Guard guard : {Guard::kFront, Guard::kBack}) {
    Problem problem(height, width, channels, f, pad, flags, guard);
    if (!problem.empty()) problem.run();
  }
}

constexpr Filter kSquare = {3, 3, {1, 1}, {1, 1}};

TEST(dwconv_i8_shapes) {
  const Filter filters[] = {
      kSquare,
      {3, 3, {2, 2}, {1, 1}},
      {5, 5, {1, 1}, {1, 1}},
      {5, 5, {2, 2}, {1, 1}},
      {7, 7, {1, 1}, {1, 1}},
      {7, 7, {2, 2}, {1, 1}},
      {1, 5, {1, 1}, {1, 1}},
      {3, 1, {1, 1}, {1, 1}},
      {1, 1, {2, 1}, {1, 1}},
      {3, 3, {3, 3}, {1, 1}},
      {3, 3, {1, 2}, {2, 1}},
      {5, 3, {2, 1}, {1, 2}},
      {2, 2, {2, 2}, {3, 3}},
      {9, 4, {1, 1}, {1, 1}},
  };
  int flags = 0;
  for (const Filter& filter : filters)
    for (size_t pad : {0, 1, 2, 4})
      for (size_t width : {1, 2, 5, 7, 8, 14, 35})
        for (size_t channels : {1, 8, 16, 37, 64, 111}) {
          ++flags;
          check(width / 3 + 2, width, channels, filter, pad, flags % 256);
          check(width / 3 + 2, width, channels, filter, pad, flags & (kStrided | kExtreme));
        }
}

TEST(dwconv_i8_channels) {
  for (size_t channels = 1; channels <= 200; channels += channels < 70 ? 1 : 7)
    for (int flags : {0, int{kStrided}, kStrided | kFloat, kResidual | kInPlace}) {
      check(4, 5, channels, kSquare, 1, flags);
      check(5, 4, channels, {5, 5, {1, 1}, {1, 1}}, 2, flags);
    }
}

// Images of which a part at a time is computed.
TEST(dwconv_i8_big) {
  check(12, 100, 700, kSquare, 1, 0);
  check(15, 90, 650, {5, 5, {2, 2}, {1, 1}}, 2, kResidual);
}

TEST(dwconv_i8_every_end) {
  for (int flags = 0; flags < 256; ++flags)
    for (size_t channels : {24, 83}) check(6, 9, channels, kSquare, 1, flags);
}

}  // namespace
}  // namespace edgert
