// Convolutions of random geometry against the definition, and the same bits whatever the
// instruction set (fused tiers), the number of threads and the way of running.
#include "core/memory.h"
#include "product_case.h"
#include "schema/enums.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;
using test::Random;

void check(const ProductShape& g, Random& random, bool with_residual) {
  const size_t depth = g.weights().depth();
  GuardedArray<float> x(g.batch * g.height * g.width * g.channels), bias(g.outputs);
  GuardedArray<float> residual(g.batch * g.out_height * g.out_width * g.outputs);
  std::vector<float> w(g.outputs * depth);
  test::fill_uniform(x, random);
  test::fill_uniform(w, random);
  test::fill_uniform(bias, random);
  test::fill_uniform(residual, random);
  const std::vector<double> expected =
      test::convolve(g, x.data(), w.data(), bias.data(), with_residual ? residual.data() : nullptr);
  const std::vector<size_t> place = test::places(g);
  std::vector<bool> gap(place.back(), true);
  for (size_t e = 0; e < expected.size(); ++e) gap[place[e]] = false;

  std::vector<float> fused;
  for (Isa isa : isa_list(cpu_isa()))
    for (int threads : {1, 3}) {
      const test::BoundCase conv(tiles_f32_method, DType::f32, DType::f32, g, w.data(),
                                 cpu_isa().capped(isa), threads);
      GuardedArray<float> y(place.back());
      if (with_residual)
        for (size_t e = 0; e < expected.size(); ++e) y[place[e]] = residual[e];
      Buffer scratch(conv.plan->scratch_bytes());
      ThreadPool pool(threads);
      Activation relu = {static_cast<int32_t>(UnaryFn::relu), 0, 0};
      const ProductOperands operands = {x.data(),
                                        conv.weights.view(),
                                        y.data(),
                                        {bias.data(), with_residual ? y.data() : nullptr, relu}};
      if (threads == 1)
        conv.plan->run_alone(operands, scratch.data());
      else
        conv.plan->run(operands, scratch.data(), pool);
      bool close = true;
      for (size_t e = 0; e < expected.size(); ++e)
        close &= std::fabs(y[place[e]] - expected[e]) <=
                 0x1p-23 * static_cast<double>((depth + 3) * (depth + 3));
      for (size_t i = 0; i < y.size(); ++i) close &= !gap[i] || std::isnan(y[i]);
      CHECK(close, "%s %d threads %s", conv.plan->kernel(), threads, test::describe(g).c_str());
      if (!test::is_fused(isa)) continue;
      if (fused.empty()) fused.assign(y.begin(), y.end());
      CHECK(fused.empty() || std::memcmp(fused.data(), y.data(), fused.size() * sizeof(float)) == 0,
            "%s %d threads: other bits, %s", conv.plan->kernel(), threads,
            test::describe(g).c_str());
    }
}

// Every third writes between other pixels, and some leave out what lies above and to the left.
TEST(product_tiles_f32_random_geometry) {
  Random random(7);
  for (int round = 0; round < 600; ++round) {
    const ProductShape g = test::random_geometry(random, round % 3 == 2);
    check(g, random, round % 2 == 0);
  }
}

TEST(product_tiles_f32_blocked) {
  Random random(8);
  ProductShape conflicting;  // rows that conflict in the cache, depth in several blocks
  conflicting.width = conflicting.out_width = 75;
  conflicting.channels = 1024;
  conflicting.outputs = 100;
  check(conflicting, random, true);
  ProductShape deep;
  deep.height = deep.width = deep.out_height = deep.out_width = 9;
  deep.channels = 512;
  deep.outputs = 72;
  deep.kernel[0] = deep.kernel[1] = 3;
  deep.pads[0] = deep.pads[1] = 1;
  check(deep, random, true);
  ProductShape image;
  image.height = image.width = 61;
  image.out_height = image.out_width = 61;
  image.channels = 24;
  image.outputs = 40;
  image.kernel[0] = image.kernel[1] = 3;
  image.pads[0] = image.pads[1] = 1;
  check(image, random, false);
}

}  // namespace
}  // namespace edgert
