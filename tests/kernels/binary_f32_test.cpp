#include "kernels/binary_f32/binary_f32.h"

#include <algorithm>
#include <limits>

#include "harness.h"

namespace edgert {
namespace {

using test::FusedBits;
using test::Guard;
using test::GuardedArray;
using test::Random;

double exact(BinaryFn fn, double a, double b) {
  switch (fn) {
    case BinaryFn::add:
      return a + b;
    case BinaryFn::sub:
      return a - b;
    case BinaryFn::mul:
      return a * b;
    case BinaryFn::div:
      return a / b;
    case BinaryFn::pow:
      return std::pow(a, b);
    case BinaryFn::max:
      return std::max(a, b);
    case BinaryFn::min:
      return std::min(a, b);
    case BinaryFn::prelu:
      return a < 0 ? b * a : a;
    case BinaryFn::remainder:
      return std::fmod(a, b);
    default:
      return 0;
  }
}

const BinaryFn kFunctions[] = {BinaryFn::add, BinaryFn::sub,   BinaryFn::mul,
                               BinaryFn::div, BinaryFn::pow,   BinaryFn::max,
                               BinaryFn::min, BinaryFn::prelu, BinaryFn::remainder};

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// One correctly rounded operation: half a unit in the last place.
bool close(float y, double expected) {
  const float rounded = static_cast<float>(expected);
  if (std::isnan(rounded)) return std::isnan(y);
  if (std::isinf(rounded) || rounded == 0) return y == rounded;
  return std::fabs(y - expected) <= 0.5001 * std::ldexp(1.0, std::ilogb(expected) - 23);
}

// How an operand lies: with its own element everywhere, one row for all, or one element per row.
struct Repetition {
  bool rows, columns;
};

TEST(binary_f32_every_repetition_and_tail) {
  Random random(1);
  const Repetition kinds[] = {{false, false}, {true, false}, {false, true}, {true, true}};
  for (BinaryFn fn : kFunctions)
    for (const Repetition& in_a : kinds)
      for (const Repetition& in_b : kinds)
        for (size_t columns : {1, 3, 8, 16, 21, 37})
          for (Guard guard : {Guard::kFront, Guard::kBack}) {
            if (in_a.columns && in_b.columns) continue;  // rows of one element are columns
            constexpr size_t kRows = 3;
            const auto extent = [&](const Repetition& r) {
              return (r.rows ? 1 : kRows) * (r.columns ? 1 : columns);
            };
            const auto operand = [&](const Repetition& r, const float* data) {
              const size_t width = r.columns ? 1 : columns;
              return Operand<float>{data, r.rows ? 0 : width, r.columns ? size_t{0} : 1};
            };
            GuardedArray<float> a(extent(in_a), guard), b(extent(in_b), guard);
            test::fill_uniform(a, random, fn == BinaryFn::pow ? 0.1f : -2.0f, 2.0f);
            test::fill_uniform(b, random, 0.5f, 3.0f);
            FusedBits bits;
            for (const Kernel<BinaryF32>& kernel : test::kernels(&LevelKernels::binary_f32)) {
              GuardedArray<float> y(kRows * columns, guard);
              const Operand<float> x1 = operand(in_a, a.data()), x2 = operand(in_b, b.data());
              kernel.run({fn, kRows, columns, x1, x2, y.data(), {}});
              int wrong = 0;
              for (size_t r = 0; r < kRows; ++r)
                for (size_t j = 0; j < columns; ++j)
                  wrong += !close(y[r * columns + j], exact(fn, x1.data[r * x1.row + j * x1.column],
                                                            x2.data[r * x2.row + j * x2.column]));
              CHECK(wrong == 0, "%s function %d columns=%zu: %d wrong", kernel.name,
                    static_cast<int>(fn), columns, wrong);
              bits.check(kernel.isa, kernel.name, y.data(), y.size());
            }
          }
}

TEST(binary_f32_activation_and_in_place) {
  Random random(2);
  for (const Kernel<BinaryF32>& kernel : test::kernels(&LevelKernels::binary_f32)) {
    GuardedArray<float> a(100), b(100), y(100);
    test::fill_uniform(a, random);
    test::fill_uniform(b, random);
    const Activation clip = {static_cast<int32_t>(UnaryFn::clip), -0.25f, 0.5f};
    kernel.run({BinaryFn::add, 4, 25, {a.data(), 25, 1}, {b.data(), 25, 1}, y.data(), clip});
    for (size_t i = 0; i < 100; ++i)
      CHECK(y[i] == std::min(std::max(a[i] + b[i], -0.25f), 0.5f), "%s i=%zu", kernel.name, i);
    for (float* place : {a.data(), b.data()}) {
      GuardedArray<float> saved(100);
      std::copy(place, place + 100, saved.data());
      kernel.run({BinaryFn::add, 4, 25, {a.data(), 25, 1}, {b.data(), 25, 1}, place, clip});
      CHECK(std::equal(place, place + 100, y.data()), "%s", kernel.name);
      std::copy(saved.begin(), saved.end(), place);
    }
  }
}

TEST(binary_f32_max_and_min_keep_nan) {
  const float values[] = {kNan, 1.0f};
  for (const Kernel<BinaryF32>& kernel : test::kernels(&LevelKernels::binary_f32))
    for (BinaryFn fn : {BinaryFn::max, BinaryFn::min})
      for (int first = 0; first < 2; ++first) {
        float y = 0;
        kernel.run({fn, 1, 1, {values + first, 1, 1}, {values + 1 - first, 1, 1}, &y, {}});
        CHECK(std::isnan(y), "%s function %d gives %g", kernel.name, static_cast<int>(fn), y);
      }
}

// Every pair of these, which have all the special cases of pow() and of fmod().
TEST(binary_f32_corners) {
  const float corners[] = {0.0f,  0.5f,    1.0f,      2.0f,      3.0f,  7.25f, 1e-45f, 1e-30f,
                           3e38f, 1.0001f, 16777215., 16777216., 2e30f, 1e4f,  150.5f, kInfinity};
  std::vector<float> list = {kNan};
  for (float corner : corners) {
    list.push_back(corner);
    list.push_back(-corner);
  }
  for (const Kernel<BinaryF32>& kernel : test::kernels(&LevelKernels::binary_f32))
    for (float x : list)
      for (float y : list) {
        float power = 0, rest = 0;
        kernel.run({BinaryFn::pow, 1, 1, {&x, 1, 1}, {&y, 1, 1}, &power, {}});
        kernel.run({BinaryFn::remainder, 1, 1, {&x, 1, 1}, {&y, 1, 1}, &rest, {}});
        for (const auto& [found, exact] :
             {std::pair{power, std::pow(double{x}, double{y})}, {rest, double{std::fmod(x, y)}}}) {
          const float expected = static_cast<float>(exact);
          const bool same = std::isnan(expected) ? std::isnan(found) : found == expected;
          CHECK(same && (std::isnan(found) || std::signbit(found) == std::signbit(expected)),
                "%s: of %g and %g %g, expected %g", kernel.name, x, y, found, expected);
        }
      }
}

// Of floats of all sizes, and their neighbours by few units: what is left is exact.
TEST(binary_f32_remainder_is_exact) {
  Random random(3);
  std::vector<float> x(4096), y(4096), z(4096);
  for (const Kernel<BinaryF32>& kernel : test::kernels(&LevelKernels::binary_f32)) {
    for (size_t i = 0; i < x.size(); ++i) {
      const int size = static_cast<int>(random.uniform(-140.0f, 120.0f));
      x[i] = std::ldexp(random.uniform(-1.0f, 1.0f), size + static_cast<int>(i % 280) - 140);
      y[i] = std::ldexp(random.uniform(0.1f, 1.0f), size);
    }
    kernel.run(
        {BinaryFn::remainder, 1, x.size(), {x.data(), 0, 1}, {y.data(), 0, 1}, z.data(), {}});
    for (size_t i = 0; i < x.size(); ++i) {
      const float expected = std::fmod(x[i], y[i]);
      CHECK(std::isnan(expected) ? std::isnan(z[i]) : z[i] == expected, "%s: %g mod %g is %g",
            kernel.name, x[i], y[i], z[i]);
    }
  }
}

}  // namespace
}  // namespace edgert
