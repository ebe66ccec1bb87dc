#include "kernels/unary_f32/unary_f32.h"

#include <algorithm>
#include <limits>

#include "harness.h"
#include "schema/enums.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Results differ from the exact ones by at most `ulp` units in the last place or by `relative`
// times the argument, whichever is more; never decreasing where `monotone`.
struct Function {
  UnaryFn fn;
  double (*exact)(double);
  double ulp, relative;
  bool monotone;
  float alpha, beta;
};

double clamp(double x, double low, double high) { return std::min(high, std::max(low, x)); }

const Function kFunctions[] = {
    {UnaryFn::identity, [](double x) { return x; }, 0, 0, true, 0, 0},
    {UnaryFn::relu, [](double x) { return x < 0 ? 0 : x; }, 0, 0, true, 0, 0},
    {UnaryFn::clip, [](double x) { return x < -1  ? -1
                                          : x > 6 ? 6
                                                  : x; }, 0, 0, true, -1, 6},
    {UnaryFn::leaky_relu, [](double x) { return x < 0 ? 0.25 * x : x; }, 0.5, 0, true, 0.25, 0},
    {UnaryFn::hard_sigmoid, [](double x) { return x != x ? x : clamp(0.25 * x + 0.5, 0, 1); }, 1,
     1e-7, true, 0.25, 0.5},
    {UnaryFn::hard_swish, [](double x) { return x != x ? x : x * clamp(x / 6 + 0.5, 0, 1); }, 2,
     1e-7, false, 0, 0},
    {UnaryFn::sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }, 2.5, 0, true, 0, 0},
    {UnaryFn::silu, [](double x) { return x / (1 + std::exp(-x)); }, 3, 0, false, 0, 0},
    {UnaryFn::tanh, [](double x) { return std::tanh(x); }, 2.5, 0, true, 0, 0},
    {UnaryFn::gelu, [](double x) { return x * 0.5 * std::erfc(-x / std::sqrt(2.0)); }, 3, 1e-7,
     false, 0, 0},
    {UnaryFn::gelu_tanh,
     [](double x) {
       return x / (1 + std::exp(-2 * std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
     },
     3, 1e-7, false, 0, 0},
    {UnaryFn::erf, [](double x) { return std::erf(x); }, 2.5, 0, true, 0, 0},
    {UnaryFn::exp, [](double x) { return std::exp(x); }, 1, 0, true, 0, 0},
    {UnaryFn::log, [](double x) { return std::log(x); }, 1, 0, true, 0, 0},
    {UnaryFn::sqrt, [](double x) { return std::sqrt(x); }, 0.5, 0, true, 0, 0},
    {UnaryFn::reciprocal, [](double x) { return 1 / x; }, 0.5, 0, false, 0, 0},
    {UnaryFn::neg, [](double x) { return -x; }, 0, 0, false, 0, 0},
    {UnaryFn::abs, [](double x) { return std::fabs(x); }, 0, 0, false, 0, 0},
    {UnaryFn::floor, [](double x) { return std::floor(x); }, 0, 0, true, 0, 0},
    {UnaryFn::ceil, [](double x) { return std::ceil(x); }, 0, 0, true, 0, 0},
    {UnaryFn::round, [](double x) { return std::nearbyint(x); }, 0, 0, true, 0, 0},
    {UnaryFn::elu, [](double x) { return x < 0 ? 0.5 * std::expm1(x) : x; }, 1, 0, true, 0.5, 0},
    {UnaryFn::softplus,
     [](double x) { return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x))); }, 2, 0, false, 0,
     0},
    {UnaryFn::sign, [](double x) { return x > 0    ? 1
                                          : x < 0  ? -1
                                          : x == 0 ? 0
                                                   : x; }, 0, 0, true, 0,
     0},
    {UnaryFn::sin, [](double x) { return std::sin(x); }, 0.5001, 0, false, 0, 0},
    {UnaryFn::cos, [](double x) { return std::cos(x); }, 0.5001, 0, false, 0, 0},
    {UnaryFn::softsign, [](double x) { return x / (1 + std::fabs(x)); }, 1.5, 0, false, 0, 0},
    {UnaryFn::thresholded_relu, [](double x) { return x <= 0.5 ? 0 : x; }, 0, 0, true, 0.5, 0},
    {UnaryFn::scaled_tanh, [](double x) { return 1.75 * std::tanh(0.625 * x); }, 4, 0, true, 1.75,
     0.625},
    {UnaryFn::affine, [](double x) { return 0.75 * x - 0.5; }, 1, 1e-7, true, 0.75, -0.5},
};

// Ascending: every 5003rd float, and the corners.
std::vector<float> arguments() {
  std::vector<float> x;
  for (uint64_t word = 0; word < uint64_t{1} << 32; word += 5003) {
    const uint32_t bits = static_cast<uint32_t>(word);
    float value;
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isnan(value)) x.push_back(value);
  }
  for (float corner : {0.0f, 0.5f, 1.0f, 1.5f, 2.5f, 6.0f, 88.72f, 88.73f, 103.9f, 104.1f,
                       8388607.5f, 1e-45f, 1e-38f, 3.4e38f, kInfinity}) {
    x.push_back(corner);
    x.push_back(-corner);
  }
  std::sort(x.begin(), x.end());
  return x;
}

// Of the value rounded to float; the subnormals have that of the least normal number.
double unit_in_last_place(double value) {
  return std::ldexp(1.0, std::max(std::ilogb(value), -126) - 23);
}

bool close(float y, double exact, float x, const Function& f) {
  const float rounded = static_cast<float>(exact);
  if (std::isnan(y) || std::isnan(rounded)) return std::isnan(y) && std::isnan(rounded);
  if (std::isinf(y) || std::isinf(rounded)) return y == rounded;
  if (y == 0 && rounded == 0 && std::signbit(y) != std::signbit(rounded)) return false;
  // A quotient whose divisor overflows comes out as zero.
  const double allowed = std::max(f.ulp * unit_in_last_place(exact), f.relative * std::fabs(x));
  return std::fabs(y - exact) <= allowed || (std::fabs(exact) < 0x1p-120 && y == 0 && f.ulp > 1);
}

TEST(unary_f32_accuracy) {
  const std::vector<float> x = arguments();
  std::vector<double> exact(x.size());
  for (const Function& f : kFunctions) {
    std::transform(x.begin(), x.end(), exact.begin(), f.exact);
    test::FusedBits bits;
    for (const Kernel<UnaryF32>& kernel : test::kernels(&LevelKernels::unary_f32)) {
      std::vector<float> y(x.size());
      kernel.run({x.size(), x.data(), y.data(), {static_cast<int32_t>(f.fn), f.alpha, f.beta}});
      int wrong = 0, falling = 0;
      for (size_t i = 0; i < x.size(); ++i) {
        if (!close(y[i], exact[i], x[i], f) && wrong++ == 0)
          CHECK(false, "%s function %d at %.9g: %.9g, expected %.9g", kernel.name,
                static_cast<int>(f.fn), x[i], y[i], exact[i]);
        if (f.monotone && i > 0 && y[i] < y[i - 1]) ++falling;
      }
      CHECK(wrong == 0, "%s function %d: %d wrong", kernel.name, static_cast<int>(f.fn), wrong);
      CHECK(falling == 0, "%s function %d falls %d times", kernel.name, static_cast<int>(f.fn),
            falling);
      bits.check(kernel.isa, kernel.name, y.data(), y.size());
    }
  }
}

TEST(unary_f32_nan_and_range) {
  const std::vector<float> x = arguments();
  for (const Kernel<UnaryF32>& kernel : test::kernels(&LevelKernels::unary_f32)) {
    for (const Function& f : kFunctions) {
      const float nan = std::numeric_limits<float>::quiet_NaN();
      float y = 0;
      kernel.run({1, &nan, &y, {static_cast<int32_t>(f.fn), f.alpha, f.beta}});
      CHECK(std::isnan(y), "%s function %d of NaN: %g", kernel.name, static_cast<int>(f.fn), y);
    }
    std::vector<float> y(x.size());
    for (const auto& [fn, low] :
         {std::pair{UnaryFn::sigmoid, 0.0f}, {UnaryFn::tanh, -1.0f}, {UnaryFn::erf, -1.0f}}) {
      kernel.run({x.size(), x.data(), y.data(), {static_cast<int32_t>(fn), 0, 0}});
      const auto [least, greatest] = std::minmax_element(y.begin(), y.end());
      CHECK(*least == low && *greatest == 1.0f, "%s function %d: %g .. %g", kernel.name,
            static_cast<int>(fn), *least, *greatest);
    }
  }
}

TEST(unary_f32_lengths) {
  for (const Kernel<UnaryF32>& kernel : test::kernels(&LevelKernels::unary_f32))
    for (size_t n = 0; n < 70; ++n)
      for (Guard guard : {Guard::kFront, Guard::kBack}) {
        GuardedArray<float> x(n, guard), y(n, guard);
        for (size_t i = 0; i < n; ++i) x[i] = static_cast<float>(i) - 20.0f;
        const Activation relu = {static_cast<int32_t>(UnaryFn::relu), 0, 0};
        kernel.run({n, x.data(), y.data(), relu});
        kernel.run({n, x.data(), x.data(), relu});  // in place
        for (size_t i = 0; i < n; ++i)
          CHECK(y[i] == (i > 20 ? static_cast<float>(i) - 20.0f : 0) && x[i] == y[i],
                "%s n=%zu i=%zu", kernel.name, n, i);
      }
}

}  // namespace
}  // namespace edgert
