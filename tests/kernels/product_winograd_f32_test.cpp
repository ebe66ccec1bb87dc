// Convolutions by Winograd against the definition, and the same bits whatever the instruction set
// (fused tiers), the number of threads and the number of images.
#include "core/memory.h"
#include "product_case.h"
#include "schema/enums.h"

namespace edgert {
namespace {

using test::GuardedArray;
using test::Random;

// x and w from -1 to 1: the header of the kernels bounds the error of the sums by
// (C + 12) u * 64 C, the portable kernel rounds twice per channel. Bias and residual add two
// numbers of at most 1 to outputs of at most 9 C.
double tolerance(size_t channels) {
  const double c = static_cast<double>(channels);
  return 0x1p-24 * ((2 * c + 12) * 64 * c + 2 * (9 * c + 2));
}

void check(const ProductShape& g, Random& random, bool with_residual) {
  GuardedArray<float> x(g.batch * g.height * g.width * g.channels), bias(g.outputs);
  GuardedArray<float> residual(g.batch * g.out_height * g.out_width * g.outputs);
  std::vector<float> w(g.weights().elements());
  test::fill_uniform(x, random);
  test::fill_uniform(w, random);
  test::fill_uniform(bias, random);
  test::fill_uniform(residual, random);
  const std::vector<double> expected =
      test::convolve(g, x.data(), w.data(), bias.data(), with_residual ? residual.data() : nullptr);

  std::vector<float> fused;
  for (Isa isa : isa_list(cpu_isa()))
    for (int threads = 1; threads <= 8; ++threads) {
      // All images at once, or one after the other.
      ProductShape part = g;
      if (threads % 2 == 0) part.batch = 1;
      const test::BoundCase conv(winograd_f32_method, DType::f32, DType::f32, part, w.data(),
                                 cpu_isa().capped(isa), threads);
      GuardedArray<float> y(expected.size());
      if (with_residual) std::copy(residual.begin(), residual.end(), y.begin());
      Buffer scratch(conv.plan->scratch_bytes());
      ThreadPool pool(threads);
      const Activation relu = {static_cast<int32_t>(UnaryFn::relu), 0, 0};
      for (size_t b = 0; b < g.batch; b += part.batch) {
        float* const out = y.data() + b * g.out_height * g.out_width * g.outputs;
        conv.plan->run({x.data() + b * g.height * g.width * g.channels,
                        conv.weights.view(),
                        out,
                        {bias.data(), with_residual ? out : nullptr, relu}},
                       scratch.data(), pool);
      }
      bool close = true;
      for (size_t e = 0; e < expected.size(); ++e)
        close &= std::fabs(y[e] - expected[e]) <= tolerance(g.channels);
      CHECK(close, "%s %d threads %s", conv.plan->kernel(), threads, test::describe(g).c_str());
      if (!test::is_fused(isa)) continue;
      if (fused.empty()) fused.assign(y.begin(), y.end());
      CHECK(fused.empty() || std::memcmp(fused.data(), y.data(), fused.size() * sizeof(float)) == 0,
            "%s %d threads: other bits, %s", conv.plan->kernel(), threads,
            test::describe(g).c_str());
    }
}

TEST(product_winograd_f32_random_geometry) {
  Random random(9);
  for (int round = 0; round < 100; ++round) {
    const ProductShape g = test::random_3x3(random);
    check(g, random, round % 2 == 0);
  }
}

TEST(product_winograd_f32_suits) {
  const ProductShape good = test::geometry_3x3(1, 7, 7, 24, 24);
  const auto suits = [](const ProductShape& g) {
    const Product product = {DType::f32, DType::f32, g, Form::k1n16};
    return winograd_f32_method.suits(product, cpu_isa());
  };
  CHECK(suits(good), "7x7x24");
  const auto unsuited = [&](const char* what, auto change) {
    ProductShape g = good;
    change(g);
    CHECK(!suits(g), "%s", what);
  };
  unsuited("filter", [](ProductShape& g) { g.kernel[1] = 5; });
  unsuited("stride", [](ProductShape& g) { g.strides[0] = 2; });
  unsuited("dilation", [](ProductShape& g) { g.dilations[1] = 2; });
  unsuited("groups", [](ProductShape& g) { g.channels = g.outputs = 24 * (g.groups = 2); });
  unsuited("channels", [](ProductShape& g) { g.channels = 23; });
  unsuited("outputs", [](ProductShape& g) { g.outputs = 23; });
  unsuited("few tiles, of many images", [](ProductShape& g) { g.batch = 8, g.out_width = 6; });
  unsuited("gaps in the output", [](ProductShape& g) { g.out_pixel = 48; });
  unsuited("skipped rows", [](ProductShape& g) { g.skip[0] = 1; });
  unsuited("one row", [](ProductShape& g) { g.out_height = 1, g.out_width = 99; });
}

TEST(product_winograd_f32_blocked) {
  Random random(10);
  check(test::geometry_3x3(1, 7, 7, 640, 70), random,
        true);  // rows that conflict in the cache, pieces
  check(test::geometry_3x3(2, 45, 31, 40, 40), random,
        false);  // of the depth; and many blocks of tiles
}

}  // namespace
}  // namespace edgert
