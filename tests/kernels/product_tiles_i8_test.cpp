// Convolutions of bytes of random geometry against the definition, on every level and for several
// numbers of threads.
#include "accumulator_case.h"
#include "core/memory.h"
#include "product_case_i8.h"

namespace edgert {
namespace {

using test::GuardedArray;
using test::Random;

// Weights up to `w_most` in size.
void check(const ProductShape& g, Random& random, int w_most) {
  const size_t results = g.batch * g.out_height * g.out_width * g.outputs;
  GuardedArray<uint8_t> x(g.batch * g.height * g.width * g.channels), residual(results);
  GuardedArray<int32_t> bias(g.outputs);
  GuardedArray<float> multiplier(g.outputs);
  std::vector<int8_t> w(g.weights().elements());
  for (uint8_t& e : x) e = static_cast<uint8_t>(random.integer(0, 255));
  for (int8_t& e : w) e = static_cast<int8_t>(random.integer(-w_most, w_most));
  for (uint8_t& e : residual) e = static_cast<uint8_t>(random.integer(0, 255));
  for (int32_t& e : bias) e = random.integer(-100000, 100000);
  for (float& e : multiplier) e = random.uniform(1e-5f, 2e-4f);
  const uint8_t x_zero = static_cast<uint8_t>(random.integer(0, 255));
  const std::vector<int64_t> sums = test::sums_of(g, x.data(), w.data(), x_zero);
  test::AccumulatorCase end = {random.integer(0, 1) == 1, false, false};
  end.whole = random.integer(0, 1) == 1;

  const std::vector<size_t> place = test::places(g);
  std::vector<bool> gap(place.back(), true);
  for (size_t e = 0; e < results; ++e) gap[place[e]] = false;
  for (Isa isa : isa_list(cpu_isa()))
    for (int threads : {1, 3}) {
      const test::BoundCase conv(tiles_i8_method, DType::u8, DType::i8, g, w.data(),
                                 cpu_isa().capped(isa), threads);
      GuardedArray<uint8_t> y(place.back());
      for (uint8_t& e : y) e = 77;
      for (size_t e = 0; e < results; ++e) y[place[e]] = residual[e];  // in place
      Buffer scratch(conv.plan->scratch_bytes());
      ThreadPool pool(threads);
      AccumulatorOutput out = end.record(bias.data(), multiplier.data(), y.data());
      out.small = true;
      conv.plan->run({x.data(), conv.weights.view(), y.data(), {}, out, x_zero}, scratch.data(),
                     pool);
      bool equal = true;
      for (size_t e = 0; e < results; ++e) {
        const size_t o = e % g.outputs;
        equal &= y[place[e]] == end.expected(sums[e] + bias[o], multiplier[o], &residual[e]);
      }
      for (size_t i = 0; i < y.size(); ++i) equal &= !gap[i] || y[i] == 77;
      CHECK(equal, "%s %d threads %s", conv.plan->kernel(), threads, test::describe(g).c_str());
    }
}

TEST(product_tiles_i8_random_geometry) {
  Random random(21);
  for (int round = 0; round < 300; ++round)
    check(test::random_geometry(random, round % 3 == 2), random, round % 2 ? 127 : 30);
}

// Few pixels in a row and many outputs: all that a pixel sees is copied.
TEST(product_tiles_i8_patches) {
  Random random(22);
  for (int round = 0; round < 60; ++round) {
    ProductShape g = test::random_geometry(random, false);
    g.groups = random.integer(1, 2);
    g.channels = g.groups * 8 * random.integer(1, 12);
    g.outputs = g.groups * (128 + random.integer(0, 20));
    check(g, random, round % 2 ? 127 : 30);
  }
}

}  // namespace
}  // namespace edgert
