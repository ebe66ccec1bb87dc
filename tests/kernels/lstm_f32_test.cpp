#include "kernels/lstm_f32/lstm_f32.h"

#include <algorithm>
#include <limits>

#include "harness.h"

namespace edgert {
namespace {

using test::FusedBits;
using test::Guard;
using test::GuardedArray;
using test::Random;

constexpr size_t kRows = 3;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

Activation function(UnaryFn fn) { return {static_cast<int32_t>(fn), 0, 0}; }

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double softsign(double x) { return x / (1 + std::fabs(x)); }

// One problem by the definition, in double precision, and every kernel.
void check(size_t units, bool usual, bool peephole, bool coupled, float clip, Guard guard) {
  Random random(units * 8 + usual * 4 + peephole * 2 + coupled);
  GuardedArray<float> gates(kRows * 4 * units, guard), p(3 * units, guard);
  GuardedArray<float> old(kRows * units, guard);
  test::fill_uniform(gates, random, -3.0f, 3.0f);
  test::fill_uniform(p, random);
  test::fill_uniform(old, random, -2.0f, 2.0f);
  gates.protect();
  FusedBits bits_c, bits_h;
  for (const Kernel<LstmF32>& kernel : test::kernels(&LevelKernels::lstm_f32)) {
    GuardedArray<float> c(kRows * units, guard), h(kRows * units, guard);
    std::copy(old.begin(), old.end(), c.begin());
    const UnaryFn other = usual ? UnaryFn::tanh : UnaryFn::softsign;
    kernel.run({kRows, units, gates.data(), peephole ? p.data() : nullptr, c.data(), h.data(), clip,
                coupled, function(UnaryFn::sigmoid), function(other), function(other)});
    double worst = 0;
    for (size_t r = 0; r < kRows; ++r)
      for (size_t j = 0; j < units; ++j) {
        const size_t at = r * units + j;
        const auto seen = [&](size_t k, double state) {
          const double x = gates[(r * 4 + k) * units + j];
          const double sum = peephole && k < 3 ? x + p[k * units + j] * state : x;
          return std::min(std::max(sum, -double{clip}), double{clip});
        };
        const auto f = [&](double x) { return usual ? std::tanh(x) : softsign(x); };
        const double i = sigmoid(seen(0, old[at]));
        const double forget = coupled ? 1 - i : sigmoid(seen(2, old[at]));
        const double state = forget * old[at] + i * f(seen(3, 0));
        const double out = sigmoid(seen(1, state)) * f(state);
        worst = std::max({worst, std::fabs(c[at] - state), std::fabs(h[at] - out)});
      }
    CHECK(worst <= 2e-6, "%s units=%zu usual=%d peephole=%d coupled=%d: %g", kernel.name, units,
          usual, peephole, coupled, worst);
    bits_c.check(kernel.isa, kernel.name, c.data(), c.size());
    bits_h.check(kernel.isa, kernel.name, h.data(), h.size());
  }
}

TEST(lstm_f32_units_and_forms) {
  for (size_t units : {1, 3, 4, 7, 8, 15, 16, 17, 33, 64})
    for (int form = 0; form < 8; ++form)
      for (Guard guard : {Guard::kFront, Guard::kBack})
        check(units, form & 1, form & 2, form & 4, form & 2 ? 0.75f : kInfinity, guard);
}

// A state goes on where it is not wanted to end: each NaN stays in its unit.
TEST(lstm_f32_nan_stays_in_its_unit) {
  constexpr size_t kUnits = 19;
  for (const Kernel<LstmF32>& kernel : test::kernels(&LevelKernels::lstm_f32))
    for (size_t bad = 0; bad < 4 * kUnits; ++bad) {
      std::vector<float> gates(4 * kUnits, 0.25f), c(kUnits, 0.5f), h(kUnits);
      gates[bad] = std::numeric_limits<float>::quiet_NaN();
      kernel.run({1, kUnits, gates.data(), nullptr, c.data(), h.data(), 1.0f, false,
                  function(UnaryFn::sigmoid), function(UnaryFn::tanh), function(UnaryFn::tanh)});
      int wrong = 0;
      for (size_t j = 0; j < kUnits; ++j) {
        wrong += std::isnan(h[j]) != (j == bad % kUnits);
        wrong += std::isnan(c[j]) != (j == bad % kUnits && bad / kUnits != 1);
      }
      CHECK(wrong == 0, "%s NaN in %zu: %d wrong", kernel.name, bad, wrong);
    }
}

}  // namespace
}  // namespace edgert
