#include "kernels/quantize_f32/quantize_f32.h"

#include <algorithm>
#include <limits>

#include "harness.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;

int expected(float x, const QuantizeF32& g) {
  if (std::isnan(x)) return g.low;
  const float low = static_cast<float>(g.low - g.zero), high = static_cast<float>(g.high - g.zero);
  return static_cast<int>(std::nearbyintf(std::min(std::max(x / g.scale + g.shift, low), high))) +
         g.zero;
}

template <typename T>
void check_as(const std::vector<float>& values, float scale, float shift, int zero, Guard guard) {
  using Limits = std::numeric_limits<T>;
  constexpr DType kType = Limits::digits == 15 ? DType::i16
                          : Limits::is_signed  ? DType::i8
                                               : DType::u8;
  GuardedArray<float> x(values.size(), guard);
  std::copy(values.begin(), values.end(), x.data());
  for (const Kernel<QuantizeF32>& kernel : test::kernels(&LevelKernels::quantize_f32)) {
    GuardedArray<T> y(values.size(), guard);
    const QuantizeF32 g = {x.size(), x.data(), kType,         y.data(),     scale,
                           shift,    zero,     Limits::min(), Limits::max()};
    kernel.run(g);
    for (size_t i = 0; i < x.size(); ++i) {
      const int found = y[i], wanted = expected(x[i], g);
      if (found == wanted) continue;
      CHECK(false, "%s scale=%a shift=%g zero=%d n=%zu: %a gives %d, expected %d", kernel.name,
            scale, shift, zero, x.size(), x[i], found, wanted);
      return;
    }
  }
}

void check(const std::vector<float>& values, float scale, int zero, int low, Guard guard) {
  for (int shift : {0, zero})  // the zero point added behind the rounding, and before
    if (low < 0)
      check_as<int8_t>(values, scale, static_cast<float>(shift), zero - shift, guard);
    else
      check_as<uint8_t>(values, scale, static_cast<float>(shift), zero - shift, guard);
}

// The ties of every result and their neighbours, which tell a division from an estimate of it.
TEST(quantize_f32_rounds_a_true_quotient) {
  test::Random random(1);
  std::vector<float> scales = {1.0f,          0.1f,     1.0f / 3,        0x1.fffffep-1f,
                               0x1.000002p3f, 0x1p-90f, 0x1.fffffep-91f, 0x1p40f,
                               1e-38f,        1e-42f,   0x1p-149f};
  for (int i = 0; i < 60; ++i) scales.push_back(std::exp(random.uniform(-60.0f, 25.0f)));
  for (float scale : scales)
    for (int low : {0, -128})
      for (int zero : {low, low + 1, low + 128, low + 255}) {
        std::vector<float> x;
        for (int half = -520; half <= 520; ++half) {
          const float tie = 0.5f * static_cast<float>(half) * scale;
          for (float next : {tie, std::nextafter(tie, -1e30f), std::nextafter(tie, 1e30f)})
            x.push_back(next);
        }
        check(x, scale, zero, low, Guard::kBack);
      }
}

TEST(quantize_f32_wide) {
  for (float scale : {1.0f, 0.1f, 1.0f / 3, 0x1p-91f, 1e-42f}) {
    std::vector<float> x = {NAN, INFINITY, -INFINITY, 1e38f, -1e38f, 0.0f, -0.0f};
    for (int half = -65550; half <= 65550; half += half > -65500 && half < 65500 ? 7 : 1) {
      const float tie = 0.5f * static_cast<float>(half) * scale;
      for (float next : {tie, std::nextafter(tie, -1e30f), std::nextafter(tie, 1e30f)})
        x.push_back(next);
    }
    check_as<int16_t>(x, scale, 0, 0, Guard::kBack);
  }
  for (size_t n = 0; n < 70; ++n)
    for (Guard guard : {Guard::kFront, Guard::kBack})
      check_as<int16_t>(std::vector<float>(n, 1234.5f), 0.25f, 0, 0, guard);
}

TEST(quantize_f32_extremes) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::vector<float> x = {NAN};
  for (float corner : {0.0f, 1e-45f, 1e-38f, 1e30f, 3.4e38f, kInfinity}) {
    x.push_back(corner);
    x.push_back(-corner);
  }
  for (float scale : {1.0f, 1e-45f, 1e-30f, 0x1p40f})
    for (int low : {0, -128}) check(x, scale, low + 100, low, Guard::kBack);
}

TEST(quantize_f32_lengths) {
  for (size_t n = 0; n < 140; ++n)
    for (Guard guard : {Guard::kFront, Guard::kBack}) {
      std::vector<float> x;
      for (size_t i = 0; i < n; ++i) x.push_back(static_cast<float>(i) - 40.5f);
      check(x, 0.7f, 90, 0, guard);
    }
}

}  // namespace
}  // namespace edgert
