// Exact convolutions by Winograd against the definition and against the matrix multiplication.
#include <algorithm>

#include "accumulator_case.h"
#include "core/memory.h"
#include "kernels/winograd_i8/winograd_i8.h"
#include "product_case_i8.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;
using test::Random;

// What the operands are made of.
struct Values {
  int x_low = 0, x_high = 255, w_low = -128, w_high = 127, x_zero = 127;
};

template <typename T>
void check_as(const ProductShape& g, Random& random, const Values& values,
              const test::AccumulatorCase& end, bool small) {
  const Guard guard = random.integer(0, 1) ? Guard::kFront : Guard::kBack;
  const size_t results = g.batch * g.out_height * g.out_width * g.outputs;
  GuardedArray<uint8_t> x(g.batch * g.height * g.width * g.channels, guard);
  GuardedArray<uint8_t> residual(results, guard);
  GuardedArray<int32_t> bias(g.outputs, guard);
  GuardedArray<float> multiplier(g.outputs, guard);
  std::vector<int8_t> w(g.outputs * 9 * g.channels);
  for (uint8_t& e : x) e = static_cast<uint8_t>(random.integer(values.x_low, values.x_high));
  for (int8_t& e : w) e = static_cast<int8_t>(random.integer(values.w_low, values.w_high));
  for (uint8_t& e : residual) e = static_cast<uint8_t>(random.integer(0, 255));
  for (int32_t& e : bias) e = random.integer(-100000, 100000);
  for (float& e : multiplier) e = random.uniform(1e-5f, 2e-4f);
  const std::vector<int64_t> sums = test::sums_of(g, x.data(), w.data(), values.x_zero);

  for (Isa isa : isa_list(cpu_isa())) {
    const IsaSet set = cpu_isa().capped(isa);
    if (select_winograd_i8(set) == nullptr) continue;
    for (int threads = 1; threads <= 4; ++threads) {
      // All images at once, or one after the other.
      ProductShape part = g;
      if (threads % 2 == 0) part.batch = 1;
      const uint8_t x_zero = static_cast<uint8_t>(values.x_zero);
      const test::BoundCase conv(winograd_i8_method, DType::u8, DType::i8, part, w.data(), set,
                                 threads);
      const test::BoundCase tiles(tiles_i8_method, DType::u8, DType::i8, part, w.data(), set,
                                  threads);
      GuardedArray<T> y(results, guard), direct(results, guard);
      Buffer scratch(std::max(conv.plan->scratch_bytes(), tiles.plan->scratch_bytes()));
      ThreadPool pool(threads);
      for (size_t b = 0; b < g.batch; b += part.batch) {
        const size_t at = b * (results / g.batch);
        AccumulatorOutput out = end.record(bias.data(), multiplier.data(), residual.data() + at);
        out.small = small;
        const uint8_t* const image = x.data() + b * g.height * g.width * g.channels;
        conv.plan->run({image, conv.weights.view(), y.data() + at, {}, out, x_zero}, scratch.data(),
                       pool);
        tiles.plan->run({image, tiles.weights.view(), direct.data() + at, {}, out, x_zero},
                        scratch.data(), pool);
      }
      bool equal = true;
      for (size_t e = 0; e < results; ++e) {
        const size_t o = e % g.outputs;
        equal &= y[e] == static_cast<T>(
                             end.expected(sums[e] + bias[o], multiplier[o], residual.data() + e));
      }
      CHECK(equal, "%s %d threads %s", conv.plan->kernel(), threads, test::describe(g).c_str());
      CHECK(results == 0 || std::memcmp(y.data(), direct.data(), results * sizeof(T)) == 0,
            "%s and %s differ, %s", conv.plan->kernel(), tiles.plan->kernel(),
            test::describe(g).c_str());
    }
  }
}

void check(const ProductShape& g, Random& random, const Values& values, int flags) {
  const test::AccumulatorCase end = {flags % 2 == 1, flags / 2 % 2 == 1, flags / 4 % 2 == 1};
  end.to_float ? check_as<float>(g, random, values, end, flags >= 8)
               : check_as<uint8_t>(g, random, values, end, flags >= 8);
}

TEST(product_winograd_i8_random_geometry) {
  Random random(11);
  for (int round = 0; round < 96; ++round) {
    const ProductShape g = test::random_3x3(random);
    Values values;
    values.x_zero = round % 3 == 0 ? 0 : round % 3 == 1 ? 127 : 255;
    check(g, random, values, round % 16);
  }
}

TEST(product_winograd_i8_extremes) {
  Random random(12);
  for (int x_zero : {0, 255})
    for (int x : {0, 255})
      for (int w : {-128, -127, 127}) {
        const ProductShape g = test::geometry_3x3(1, 3, 2, kWinogradMaxChannels, 2);
        check(g, random, {x, x, w, w, x_zero}, 0);
        check(g, random, {x, x, -128, 127, x_zero}, 4);
        check(g, random, {0, 255, w, w, x_zero}, 9);
      }
}

TEST(product_winograd_i8_blocked) {
  Random random(13);
  check(test::geometry_3x3(1, 7, 7, 1024, 70), random, {}, 8);  // rows that conflict in the cache
  check(test::geometry_3x3(2, 45, 31, 40, 40), random, {}, 1);  // many blocks of tiles
}

TEST(product_winograd_i8_suits) {
  const ProductShape good = test::geometry_3x3(1, 14, 14, 64, 64);
  const auto suits = [&](const char* what, bool expected, auto change) {
    for (Isa isa : isa_list(cpu_isa())) {
      ProductShape g = good;
      change(g);
      const IsaSet set = cpu_isa().capped(isa);
      // Levels that multiply bytes much faster than words keep to that.
      const WinogradI8Kernel* const kernel = select_winograd_i8(set);
      const bool better = kernel && select_gemm_i8(set, WeightFit::kQuads).isa == kernel->isa;
      Product product = {DType::u8, DType::i8, g, Form::k4n16};
      CHECK(winograd_i8_method.suits(product, set) == (expected && better), "%s %s", what,
            isa_name(isa));
      product.dynamic = true;
      CHECK(!winograd_i8_method.suits(product, set), "%s %s dynamic", what, isa_name(isa));
    }
  };
  suits("14x14x64", true, [](ProductShape&) {});
  suits("most channels", true, [](ProductShape& g) { g.channels = kWinogradMaxChannels; });
  suits("channels", false, [](ProductShape& g) { g.channels = kWinogradMaxChannels + 1; });
  suits("few channels", false, [](ProductShape& g) { g.channels = 47; });
  suits("few outputs", false, [](ProductShape& g) { g.outputs = 47; });
  suits("half-filled tiles", false, [](ProductShape& g) { g.out_height = g.out_width = 7; });
  suits("stride", false, [](ProductShape& g) { g.strides[0] = 2; });
  suits("filter", false, [](ProductShape& g) { g.kernel[1] = 5; });
  suits("groups", false, [](ProductShape& g) { g.channels = g.outputs = 64 * (g.groups = 2); });
  suits("few tiles of many images", false, [](ProductShape& g) { g.batch = 9, g.out_width = 2; });
}

}  // namespace
}  // namespace edgert
