#include "kernels/gru_f32/gru_f32.h"

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

// Both ends of a step by the definition, in double precision, and every kernel. `linear`: the reset
// gate comes behind the product.
void check(size_t units, bool usual, bool linear, float clip, Guard guard) {
  Random random(units * 4 + usual * 2 + linear);
  GuardedArray<float> gates(kRows * 3 * units, guard), input(kRows * 3 * units, guard);
  GuardedArray<float> old(kRows * units, guard);
  test::fill_uniform(gates, random, -3.0f, 3.0f);
  test::fill_uniform(input, random);
  test::fill_uniform(old, random);
  gates.protect();
  FusedBits bits, reset_bits;
  for (const Kernel<GruF32>& kernel : test::kernels(&LevelKernels::gru_f32)) {
    GuardedArray<float> h(kRows * units, guard), reset(kRows * units, guard);
    std::copy(old.begin(), old.end(), h.begin());
    const UnaryFn f = usual ? UnaryFn::sigmoid : UnaryFn::softsign;
    GruF32 g = {kRows,        units, gates.data(), linear ? input.data() : nullptr, h.data(),
                reset.data(), clip,  function(f),  function(UnaryFn::tanh)};
    kernel.run(g);
    CHECK(std::equal(h.begin(), h.end(), old.begin()), "%s changed the state", kernel.name);
    g.reset = nullptr;
    kernel.run(g);
    double worst = 0;
    for (size_t r = 0; r < kRows; ++r)
      for (size_t j = 0; j < units; ++j) {
        const size_t at = r * units + j;
        const auto limited = [&](double x) {
          return std::min(std::max(x, -double{clip}), double{clip});
        };
        const auto gate = [&](size_t k) {
          const double x = limited(gates[(r * 3 + k) * units + j]);
          return usual ? 1 / (1 + std::exp(-x)) : x / (1 + std::fabs(x));
        };
        double seen = gates[(r * 3 + 2) * units + j];
        if (linear) seen = input[(r * 3 + 2) * units + j] + gate(1) * seen;
        const double z = gate(0), n = std::tanh(limited(seen));
        worst = std::max({worst, std::fabs(reset[at] - gate(1) * old[at]),
                          std::fabs(h[at] - ((1 - z) * n + z * old[at]))});
      }
    CHECK(worst <= 2e-6, "%s units=%zu usual=%d linear=%d: %g", kernel.name, units, usual, linear,
          worst);
    bits.check(kernel.isa, kernel.name, h.data(), h.size());
    reset_bits.check(kernel.isa, kernel.name, reset.data(), reset.size());
  }
}

TEST(gru_f32_units_and_forms) {
  for (size_t units : {1, 3, 4, 7, 8, 15, 16, 17, 33, 64})
    for (int form = 0; form < 4; ++form)
      for (Guard guard : {Guard::kFront, Guard::kBack})
        for (float clip : {0.75f, kInfinity}) check(units, form & 1, form & 2, clip, guard);
}

}  // namespace
}  // namespace edgert
