// Products by weights of which the blocks that are not zero are stored, against their definition,
// on every level and for several numbers of threads.
#include <algorithm>
#include <vector>

#include "accumulator_case.h"
#include "core/memory.h"
#include "kernels/gemm_sparse_i8/gemm_sparse_i8.h"
#include "product_case_i8.h"
#include "weights/facts.h"
#include "weights/forms.h"

namespace edgert {
namespace {

using test::GuardedArray;
using test::Random;

// Weights in a sparse form, flush against an inaccessible page as those of a mapped file may be.
struct Stored {
  Product product;
  test::GuardedBytes payload;

  template <typename T>
  Stored(Form form, DType x, DType w, const ProductShape& g, const std::vector<T>& rows)
      : product{x, w, g, form},
        payload(
            packed_bytes(form, g.weights(), w, reinterpret_cast<const std::byte*>(rows.data()))) {
    pack(form, g.weights(), w, reinterpret_cast<const std::byte*>(rows.data()), w, payload.bytes());
    product.facts = facts_of(form, w, g.weights(), payload.bytes());
  }
};

struct Bound {
  MemoryBudget memory{UINT64_MAX};
  PreparedWeights weights;
  std::unique_ptr<ProductPlan> plan;

  Bound(Stored& stored, IsaSet isa, int threads) {
    const ProductMethod& method =
        stored.product.x == DType::f32 ? sparse_f32_method : sparse_i8_method;
    weights = method.prepare(stored.product, stored.payload.bytes(), nullptr, isa, memory);
    plan = method.plan(stored.product, weights.facts, isa, threads);
  }
};

// A share of the weights, in blocks of 4 or single ones; some outputs have none, some all.
template <typename T>
std::vector<T> random_weights(const ProductShape& g, Random& random, int most) {
  std::vector<T> rows(g.weights().elements());
  const size_t depth = g.weights().depth();
  const int wide = random.integer(0, 1) ? 1 : 4, share = random.integer(0, 10);
  for (size_t o = 0; o < g.outputs; ++o) {
    const int kind = random.integer(0, 7);
    const int kept = kind == 0 ? 0 : kind == 1 ? 10 : share;
    bool keep = false;
    for (size_t p = 0; p < depth; ++p) {
      if (p % wide == 0) keep = random.integer(0, 9) < kept;
      if (keep) rows[o * depth + p] = static_cast<T>(random.integer(-most, most));
    }
  }
  return rows;
}

ProductShape random_shape(Random& random, bool gaps) {
  ProductShape g = test::random_geometry(random, gaps);
  g.channels /= g.groups;
  g.outputs /= g.groups;
  g.groups = 1;
  if (random.integer(0, 3) == 0) {  // pointwise, with more pixels
    const size_t channels = g.channels, outputs = g.outputs;
    g = {};
    g.height = g.out_height = random.integer(1, 20);
    g.width = g.out_width = random.integer(1, 20);
    g.channels = channels * random.integer(1, 4);
    g.outputs = outputs;
  } else if (gaps) {
    g.out_pixel = std::max(g.out_pixel, g.outputs);
  }
  return g;
}

void check_bytes(const ProductShape& g, Form form, Random& random, int most) {
  const size_t results = g.batch * g.out_height * g.out_width * g.outputs;
  GuardedArray<uint8_t> x(g.batch * g.height * g.width * g.channels), residual(results);
  GuardedArray<int32_t> bias(g.outputs);
  GuardedArray<float> multiplier(g.outputs);
  const bool extreme = random.integer(0, 3) == 0;
  for (uint8_t& e : x)
    e = static_cast<uint8_t>(extreme ? random.integer(0, 1) * 255 : random.integer(0, 255));
  for (uint8_t& e : residual) e = static_cast<uint8_t>(random.integer(0, 255));
  for (int32_t& e : bias) e = random.integer(-100000, 100000);
  for (float& e : multiplier) e = random.uniform(1e-5f, 2e-4f);
  std::vector<int8_t> w = random_weights<int8_t>(g, random, most);
  if (most == 127 && !w.empty() && random.integer(0, 2) == 0)
    for (int8_t& e : w)
      if (e != 0) e = static_cast<int8_t>(e < 0 ? -128 : 127);
  const uint8_t x_zero = static_cast<uint8_t>(random.integer(0, 255));
  const std::vector<int64_t> sums = test::sums_of(g, x.data(), w.data(), x_zero);
  test::AccumulatorCase end = {random.integer(0, 1) == 1, random.integer(0, 3) == 0, false};
  end.whole = random.integer(0, 1) == 1;
  Stored stored(form, DType::u8, DType::i8, g, w);

  const std::vector<size_t> place = test::places(g);
  std::vector<bool> gap(place.back(), true);
  for (size_t e = 0; e < results; ++e) gap[place[e]] = false;
  for (Isa isa : isa_list(cpu_isa()))
    for (int threads : {1, 3}) {
      const Bound bound(stored, cpu_isa().capped(isa), threads);
      GuardedArray<uint8_t> y(place.back());
      for (uint8_t& e : y) e = 77;
      for (size_t e = 0; e < results; ++e) y[place[e]] = residual[e];  // in place
      Buffer scratch(bound.plan->scratch_bytes());
      ThreadPool pool(threads);
      AccumulatorOutput out = end.record(bias.data(), multiplier.data(), y.data());
      out.small = !end.hard_swish;
      bound.plan->run({x.data(), bound.weights.view(), y.data(), {}, out, x_zero}, scratch.data(),
                      pool);
      bool equal = true;
      for (size_t e = 0; e < results; ++e) {
        const size_t o = e % g.outputs;
        equal &= y[place[e]] == end.expected(sums[e] + bias[o], multiplier[o], &residual[e]);
      }
      for (size_t i = 0; i < y.size(); ++i) equal &= !gap[i] || y[i] == 77;
      CHECK(equal, "%s, %s, %d threads %s", form_name(form), bound.plan->kernel(), threads,
            test::describe(g).c_str());
    }
}

TEST(product_sparse_i8) {
  Random random(51);
  constexpr Form kForms[] = {Form::csr, Form::bsr1x4, Form::bsr4x4};
  constexpr int kMost[] = {127, 64, 32};  // any, pairs, quads
  for (int round = 0; round < 360; ++round)
    check_bytes(random_shape(random, round % 4 == 3), kForms[round % 3], random,
                kMost[round / 3 % 3]);
}

// Where all weights are multiplied faster, they are, on every level; nobody can tell.
TEST(product_sparse_i8_pays) {
  Random random(53);
  ProductShape g;
  g.height = g.out_height = g.width = g.out_width = 20;
  g.channels = 256;
  g.outputs = 64;
  for (Form form : {Form::csr, Form::bsr1x4, Form::bsr4x4})
    for (int kept : {0, 1, 40}) {  // of forty
      std::vector<int8_t> w(g.weights().elements());
      for (size_t i = 0; i < w.size(); i += 4)
        if (i / 1024 % 40 < static_cast<size_t>(kept)) std::fill_n(w.begin() + i, 4, int8_t{1});
      Stored stored(form, DType::u8, DType::i8, g, w);
      for (Isa isa : isa_list(cpu_isa())) {
        const IsaSet set = cpu_isa().capped(isa);
        const bool sparse = &choose_method(stored.product, set) == &sparse_i8_method;
        // Portably, a multiplication takes as long in either.
        const bool even = kept == 40 && isa == Isa::portable;
        CHECK(sparse == (kept < 40) || even, "%s, %d, %s", form_name(form), kept, isa_name(isa));
      }
      Product floats = stored.product;
      floats.x = floats.w = DType::f32;
      floats.form = Form::csr;
      CHECK(&choose_method(floats, cpu_isa()) == &sparse_f32_method, "the form decides");
    }
}

// Each kernel of the best fit is there for weights that fit so, and only then.
TEST(product_sparse_i8_fit) {
  for (Form form : {Form::bsr1x4, Form::bsr4x4})
    for (Isa isa : isa_list(cpu_isa()))
      for (WeightFit fit :
           {WeightFit::kAny, WeightFit::kSymmetric, WeightFit::kPairs, WeightFit::kQuads}) {
        const auto& kernel = select_gemm_sparse_i8(cpu_isa().capped(isa), form, fit);
        CHECK(kernel.form == form && kernel.needs <= fit, "%s", kernel.name);
      }
}

// The chain of multiply-adds by its definition.
float chain(const ProductShape& g, const float* x, const float* w, size_t pixel, size_t output,
            float start, bool fused) {
  const size_t oy = pixel / g.out_width % g.out_height, ox = pixel % g.out_width;
  const size_t image = pixel / g.out_width / g.out_height;
  w += output * g.weights().depth();
  for (size_t i = 0; i < g.kernel[0]; ++i)
    for (size_t j = 0; j < g.kernel[1]; ++j) {
      const size_t py = oy * g.strides[0] + i * g.dilations[0] + g.skip[0] - g.pads[0];
      const size_t px = ox * g.strides[1] + j * g.dilations[1] + g.skip[1] - g.pads[1];
      const bool inside = py < g.height && px < g.width;  // no negative number is
      for (size_t c = 0; c < g.channels; ++c, ++w) {
        if (*w == 0) continue;
        const float e = inside ? x[((image * g.height + py) * g.width + px) * g.channels + c] : 0;
        const float product = e * *w;
        start = fused ? std::fma(e, *w, start) : start + product;
      }
    }
  return start;
}

void check_floats(const ProductShape& g, Random& random) {
  const size_t results = g.batch * g.out_height * g.out_width * g.outputs;
  GuardedArray<float> x(g.batch * g.height * g.width * g.channels), residual(results);
  GuardedArray<float> bias(g.outputs);
  test::fill_uniform(x, random);
  test::fill_uniform(residual, random);
  test::fill_uniform(bias, random);
  std::vector<float> w = random_weights<float>(g, random, 100);
  for (float& e : w) e *= random.uniform(0.001f, 0.02f);
  Stored stored(Form::csr, DType::f32, DType::f32, g, w);
  const bool has_bias = random.integer(0, 3) > 0, has_residual = random.integer(0, 1) == 1;
  const bool hard_swish = random.integer(0, 3) == 0;
  Activation activation = {};
  activation.fn = static_cast<int32_t>(hard_swish ? UnaryFn::hard_swish : UnaryFn::relu);

  const std::vector<size_t> place = test::places(g);
  std::vector<bool> gap(place.back(), true);
  for (size_t e = 0; e < results; ++e) gap[place[e]] = false;
  for (Isa isa : isa_list(cpu_isa()))
    for (int threads : {1, 3}) {
      const Bound bound(stored, cpu_isa().capped(isa), threads);
      CHECK(bound.weights.own.bytes() == 0, "the weights are used where they lie");
      GuardedArray<float> y(place.back());
      for (float& e : y) e = 77;
      for (size_t e = 0; e < results; ++e) y[place[e]] = residual[e];  // in place
      Buffer scratch(bound.plan->scratch_bytes());
      ThreadPool pool(threads);
      const FloatOutput out = {has_bias ? bias.data() : nullptr, has_residual ? y.data() : nullptr,
                               activation};
      bound.plan->run({x.data(), bound.weights.view(), y.data(), out}, scratch.data(), pool);
      bool equal = true;
      for (size_t e = 0; e < results; ++e) {
        float start = has_bias ? bias[e % g.outputs] : 0;
        if (has_residual) start = has_bias ? start + residual[e] : residual[e];
        const bool fused = std::strstr(bound.plan->kernel(), "portable") == nullptr;
        const float t = chain(g, x.data(), w.data(), e / g.outputs, e % g.outputs, start, fused);
        const float found = y[place[e]];
        if (!hard_swish) {
          equal &= found == std::max(t, 0.0f);
        } else {
          const float exact = t * std::min(std::max(t / 6 + 0.5f, 0.0f), 1.0f);
          equal &= std::fabs(found - exact) <= 1e-6f * (1 + std::fabs(t));
        }
      }
      for (size_t i = 0; i < y.size(); ++i) equal &= !gap[i] || y[i] == 77;
      CHECK(equal, "%s, %d threads %s", bound.plan->kernel(), threads, test::describe(g).c_str());
    }
}

TEST(product_sparse_f32) {
  Random random(52);
  for (int round = 0; round < 200; ++round)
    check_floats(random_shape(random, round % 4 == 3), random);
}

// Weights that are not there multiply nothing: a NaN that only they would see stays where it is.
TEST(product_sparse_f32_leaves_out) {
  ProductShape g;
  g.width = g.out_width = 3;
  g.channels = 4;
  g.outputs = 2;
  const std::vector<float> w = {0, 2, 0, 0, 1, 0, 0, 0};
  std::vector<float> x(12, 1.0f);
  x[2] = x[7] = NAN;
  x[0] = INFINITY;
  Stored stored(Form::csr, DType::f32, DType::f32, g, w);
  for (Isa isa : isa_list(cpu_isa())) {
    const Bound bound(stored, cpu_isa().capped(isa), 1);
    std::vector<float> y(6);
    Buffer scratch(bound.plan->scratch_bytes());
    bound.plan->run_alone({x.data(), bound.weights.view(), y.data(), {}}, scratch.data());
    const std::vector<float> expected = {2, INFINITY, 2, 1, 2, 1};
    CHECK(y == expected, "%s", bound.plan->kernel());
  }
}

}  // namespace
}  // namespace edgert
