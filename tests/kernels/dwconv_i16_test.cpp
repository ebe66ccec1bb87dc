#include "kernels/dwconv_i16/dwconv_i16.h"

#include <cstdlib>

#include "accumulator_case.h"
#include "harness.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;
using test::Random;

std::vector<DwconvI16Kernel> rows() {
  std::vector<DwconvI16Kernel> list;
#define KERNEL(symbol, isa, block, narrow) \
  if (test::can_run(Isa::isa)) list.push_back({#symbol, Isa::isa, symbol, block, narrow});
#include "kernels/dwconv_i16/kernels.inc"
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
  kExtreme = 16,  // the largest sums that 32 bits hold
  kInPlace = 32,  // the output over the residual
  kWide = 64,     // sums of more than 32 bits
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
    for (int16_t& x : x_)
      x = static_cast<int16_t>(has(kExtreme) ? -32768 : random.integer(-32768, 32767));
    for (int16_t& x : residual_) x = static_cast<int16_t>(random.integer(-32768, 32767));
    const int taps = static_cast<int>(f.height * f.width);
    const int largest = has(kWide) ? 32767 : 65535 / taps > 32767 ? 32767 : 65535 / taps;
    for (size_t i = 0; i < w_.size(); ++i)
      w_[i] = static_cast<int16_t>(!has(kExtreme)        ? random.integer(-largest, largest)
                                   : i % pixel_ % 3 == 0 ? largest
                                                         : -largest);
    // What 32768 * 65535 leaves of 32 bits.
    for (int32_t& x : bias_) x = has(kWide) ? INT32_MIN : random.integer(0, 1) ? 32767 : -32767;
    for (float& x : multiplier_) x = random.uniform(0.0f, 2e-5f);
  }

  bool empty() const { return out_height_ == 0 || out_width_ == 0; }

  void run() {
    for (const DwconvI16Kernel& kernel : rows()) {
      if (kernel.narrow && has(kWide)) continue;
      has(kFloat) ? run<float>(kernel) : run<int16_t>(kernel);
    }
  }

 private:
  bool has(Flag flag) const { return flags_ & flag; }
  size_t outputs(size_t size, size_t kernel, int axis) const {
    const size_t reach = (kernel - 1) * f_.dilations[axis] + 1;
    return size + 2 * pad_ < reach ? 0 : (size + 2 * pad_ - reach) / f_.strides[axis] + 1;
  }
  size_t span(size_t pixels) const { return pixels == 0 ? 0 : (pixels - 1) * pixel_ + channels_; }
  test::AccumulatorCase end() const { return {has(kResidual), has(kHardSwish), has(kFloat), true}; }

  float expected(size_t oy, size_t ox, size_t c) {
    int64_t sum = bias_[c];
    for (size_t i = 0; i < f_.height; ++i)
      for (size_t j = 0; j < f_.width; ++j) {
        const size_t y = oy * f_.strides[0] + i * f_.dilations[0];
        const size_t x = ox * f_.strides[1] + j * f_.dilations[1];
        if (y < pad_ || y >= pad_ + height_ || x < pad_ || x >= pad_ + width_) continue;
        sum += int{x_[((y - pad_) * width_ + x - pad_) * pixel_ + c]} *
               int{w_[(i * f_.width + j) * pixel_ + c]};
      }
    return end().expected(sum, multiplier_[c],
                          residual_.data() + (oy * out_width_ + ox) * pixel_ + c);
  }

  template <typename T>
  void run(const DwconvI16Kernel& kernel) {
    GuardedArray<T> y(span(out_height_ * out_width_), guard_);
    DwconvI16 g = {};
    g.channels = channels_;
    g.pixel_stride = g.w_stride = pixel_;
    g.x = x_.data();
    g.height = height_;
    g.width = width_;
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
    const bool over = has(kInPlace) && has(kResidual) && !has(kFloat);
    if (over) {
      std::memcpy(y.data(), residual_.data(), residual_.size() * sizeof(int16_t));
      g.out.residual = reinterpret_cast<const uint8_t*>(y.data());
    }
    const size_t split = out_height_ / 2;  // the same rows in two calls
    g.row_begin = 0;
    g.row_end = split;
    kernel.run(g);
    g.row_begin = split;
    g.row_end = out_height_;
    kernel.run(g);
    for (size_t at = 0; at < y.size(); ++at) {
      const size_t c = at % pixel_, ox = at / pixel_ % out_width_, oy = at / pixel_ / out_width_;
      if (c >= channels_) {
        CHECK(std::memcmp(&y[at],
                          over ? reinterpret_cast<const char*>(&residual_[at]) : "\xff\xff\xff\xff",
                          sizeof(T)) == 0,
              "%s wrote other channels", kernel.name);
        continue;
      }
      const T wanted = static_cast<T>(expected(oy, ox, c));
      if (y[at] == wanted) continue;
      CHECK(false,
            "%s %zux%zux%zu filter %zux%zu stride %zu dilation %zu pad %zu flags %d at %zu, %zu, "
            "%zu: %g, expected %g",
            kernel.name, height_, width_, channels_, f_.height, f_.width, f_.strides[1],
            f_.dilations[1], pad_, flags_, oy, ox, c, static_cast<double>(y[at]),
            static_cast<double>(wanted));
      return;
    }
  }

  size_t height_, width_, channels_, pixel_;
  Filter f_;
  size_t pad_, out_height_, out_width_;
  int flags_;
  Guard guard_;
  GuardedArray<int16_t> x_;
  GuardedArray<int16_t> w_;
  GuardedArray<int32_t> bias_;
  GuardedArray<float> multiplier_;
  GuardedArray<int16_t> residual_;
};

void check(size_t height, size_t width, size_t channels, const Filter& f, size_t pad, int flags) {
  for (Guard guard : {Guard::kFront, Guard::kBack}) {
    Problem problem(height, width, channels, f, pad, flags, guard);
    if (!problem.empty()) problem.run();
  }
}

constexpr Filter kSquare = {3, 3, {1, 1}, {1, 1}};

TEST(dwconv_i16_shapes) {
  const Filter filters[] = {
      kSquare,
      {3, 3, {2, 2}, {1, 1}},
      {5, 5, {1, 1}, {1, 1}},
      {5, 5, {2, 2}, {1, 1}},
      {7, 7, {1, 1}, {1, 1}},
      {1, 5, {1, 1}, {1, 1}},
      {3, 1, {1, 1}, {1, 1}},
      {1, 1, {2, 1}, {1, 1}},
      {3, 3, {3, 3}, {1, 1}},
      {3, 3, {1, 2}, {2, 1}},
      {5, 3, {2, 1}, {1, 2}},
      {2, 2, {2, 2}, {3, 3}},
      {9, 3, {1, 1}, {1, 1}},
  };
  int flags = 0;
  for (const Filter& filter : filters)
    for (size_t pad : {0, 1, 2, 4})
      for (size_t width : {1, 2, 5, 7, 8, 14})
        for (size_t channels : {1, 8, 16, 37}) {
          ++flags;
          check(width / 3 + 2, width, channels, filter, pad, flags % 128);
          check(width / 3 + 2, width, channels, filter, pad, flags & (kStrided | kExtreme));
        }
}

TEST(dwconv_i16_channels) {
  for (size_t channels = 1; channels <= 50; ++channels)
    for (int flags : {0, int{kStrided}, kStrided | kFloat, kResidual | kInPlace}) {
      check(4, 6, channels, kSquare, 1, flags);
      check(5, 5, channels, {5, 5, {2, 2}, {1, 1}}, 2, flags);
    }
}

TEST(dwconv_i16_every_end) {
  for (int flags = 0; flags < 128; ++flags) check(6, 9, 40, kSquare, 1, flags);
}

}  // namespace
}  // namespace edgert
