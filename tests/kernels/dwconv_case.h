// What the tests of depthwise convolutions of integers share: filters, operands flush against guard
// pages, and what the result is by the definition.
#pragma once

#include <cstring>

#include "accumulator_case.h"
#include "harness.h"

namespace edgert::test {

struct DwconvFilter {
  size_t height, width, strides[2], dilations[2];
};

constexpr DwconvFilter kSquare = {3, 3, {1, 1}, {1, 1}};
constexpr DwconvFilter kFilters[] = {
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

enum DwconvFlag {
  kResidual = 1,
  kFloat = 2,
  kStrided = 4,
  kHardSwish = 8,
  kExtreme = 16,       // sums as large as can be
  kInPlace = 32,       // the output over the residual
  kFirstOwnFlag = 64,  // those of a family's own go on here
};

// One problem; a family fills in the operands. X is the type of the input and the residual, Record
// that of the kernels' arguments.
template <typename X, typename W, typename Record>
class DwconvCase {
 public:
  DwconvCase(size_t height, size_t width, size_t channels, const DwconvFilter& f, size_t pad,
             int flags, Guard guard)
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
        random_(height * 131 + width * 17 + channels + f.width + flags),
        x_(span(height * width), guard),
        w_((f.height * f.width - 1) * pixel_ + channels, guard),
        bias_(channels, guard),
        multiplier_(channels, guard),
        residual_(span(out_height_ * out_width_), guard) {}

  bool empty() const { return out_height_ == 0 || out_width_ == 0; }

 protected:
  bool has(int flag) const { return flags_ & flag; }

  // What all kernels get but for what is the family's own.
  Record record() {
    Record g = {};
    g.channels = channels_;
    g.pixel_stride = g.w_stride = pixel_;
    g.x = x_.data();
    g.height = height_;
    g.width = width_;
    g.out_width = out_width_;
    g.row_end = out_height_;
    g.kernel[0] = f_.height;
    g.kernel[1] = f_.width;
    for (int i : {0, 1}) {
      g.strides[i] = f_.strides[i];
      g.dilations[i] = f_.dilations[i];
      g.pads[i] = pad_;
    }
    g.w = w_.data();
    g.out = end().record(bias_.data(), multiplier_.data(), residual_.data());
    return g;
  }

  // Runs a kernel; the pads hold `pad_value`.
  template <typename Kernel>
  void check(const Kernel& kernel, const Record& g, int pad_value) {
    has(kFloat) ? check<float>(kernel, g, pad_value) : check<X>(kernel, g, pad_value);
  }

 private:
  size_t outputs(size_t size, size_t kernel, int axis) const {
    const size_t reach = (kernel - 1) * f_.dilations[axis] + 1;
    return size + 2 * pad_ < reach ? 0 : (size + 2 * pad_ - reach) / f_.strides[axis] + 1;
  }
  size_t span(size_t pixels) const { return pixels == 0 ? 0 : (pixels - 1) * pixel_ + channels_; }
  AccumulatorCase end() const {
    return {has(kResidual), has(kHardSwish), has(kFloat), sizeof(X) == sizeof(int16_t)};
  }

  float expected(size_t oy, size_t ox, size_t c, int pad_value) {
    int64_t sum = bias_[c];
    for (size_t i = 0; i < f_.height; ++i)
      for (size_t j = 0; j < f_.width; ++j) {
        const size_t y = oy * f_.strides[0] + i * f_.dilations[0];
        const size_t x = ox * f_.strides[1] + j * f_.dilations[1];
        const bool inside = y >= pad_ && y < pad_ + height_ && x >= pad_ && x < pad_ + width_;
        const int value = inside ? x_[((y - pad_) * width_ + x - pad_) * pixel_ + c] : pad_value;
        sum += value * w_[(i * f_.width + j) * pixel_ + c];
      }
    return end().expected(sum, multiplier_[c],
                          residual_.data() + (oy * out_width_ + ox) * pixel_ + c);
  }

  template <typename T, typename Kernel>
  void check(const Kernel& kernel, Record g, int pad_value) {
    GuardedArray<T> y(span(out_height_ * out_width_), guard_);
    g.y = y.data();
    const bool over = has(kInPlace) && has(kResidual) && !has(kFloat);
    if (over) {
      std::memcpy(y.data(), residual_.data(), residual_.size() * sizeof(X));
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
      const T wanted = static_cast<T>(expected(oy, ox, c, pad_value));
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

  size_t height_, width_, channels_;

 protected:
  size_t pixel_;  // elements from one to the next

 private:
  DwconvFilter f_;
  size_t pad_, out_height_, out_width_;
  int flags_;
  Guard guard_;

 protected:
  Random random_;
  GuardedArray<X> x_;
  GuardedArray<W> w_;
  GuardedArray<int32_t> bias_;
  GuardedArray<float> multiplier_;
  GuardedArray<X> residual_;
};

// Runs a family's problem, with operands flush against either side.
template <typename Problem>
void check_dwconv(size_t height, size_t width, size_t channels, const DwconvFilter& f, size_t pad,
                  int flags) {
  for (Guard guard : {Guard::kFront, Guard::kBack}) {
    Problem problem(height, width, channels, f, pad, flags, guard);
    if (!problem.empty()) problem.run();
  }
}

}  // namespace edgert::test
