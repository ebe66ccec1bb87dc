#include "kernels/gemm_f32/gemm_f32.h"

#include <algorithm>

#include "core/memory.h"
#include "harness.h"
#include "matrix_case.h"
#include "schema/enums.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;
using test::Random;
using test::span;

struct Row {
  GemmF32Kernel kernel;
  bool fused;  // whether fma() rounds once: all such kernels give the same bits
};

std::vector<Row> rows() {
  std::vector<Row> list;
#define KERNEL(symbol, isa, form, needs, ...)                                               \
  if (test::can_run(Isa::isa))                                                              \
    list.push_back({{#symbol, Isa::isa, symbol, Form::form, WeightFit::needs, __VA_ARGS__}, \
                    Isa::isa != Isa::portable});
#include "kernels/gemm_f32/kernels.inc"
  return list;
}

// One problem: operands flush against guard pages, strides wider than the rows, and what the result
// is according to the definition, in double precision, with a bound of its rounding error.
struct Problem {
  enum Flag { kBias = 1, kResidual = 2, kAccumulate = 4, kStrided = 8, kRelu = 16, kSegments = 32 };

  Problem(size_t m, size_t n, size_t k, int flags, Guard guard, uint64_t seed)
      : m(m),
        n(n),
        k(k),
        guard(guard),
        flags(flags & kAccumulate ? flags & ~(kBias | kResidual) : flags),
        segments(flags & kSegments ? 3 : 1),
        a_stride(k * segments + (flags & kStrided ? 3 : 0)),
        c_stride(n + (flags & kStrided ? 5 : 0)),
        a(span(m, segments > 1 ? 3 * k : k + k / 2, a_stride), guard),
        b(round_up(n, K1N16::kOutputs) * depth(), guard),
        bias(n, guard),
        residual(span(m, n, c_stride), guard),
        initial(m * n),
        expected(m * n),
        bound(m * n) {
    Random random(seed);
    test::fill_uniform(a, random);
    test::fill_uniform(b, random);
    test::fill_uniform(bias, random);
    test::fill_uniform(residual, random);
    test::fill_uniform(initial, random);
    for (size_t s = 0; s < segments; ++s) offsets.push_back(offset(s));
    for (size_t i = 0; i < m; ++i)
      for (size_t j = 0; j < n; ++j) {
        double sum = has(kAccumulate) ? initial[i * n + j] : 0.0;
        if (has(kBias)) sum += bias[j];
        if (has(kResidual)) sum += residual[i * c_stride + j];
        double magnitude = 3;
        const float* const panel = b.data() + j / K1N16::kOutputs * depth() * K1N16::kOutputs;
        for (size_t p = 0; p < depth(); ++p) {
          const double product = double{a[i * a_stride + offset(p / k) + p % k]} *
                                 panel[p * K1N16::kOutputs + j % K1N16::kOutputs];
          sum += product;
          magnitude += std::fabs(product);
        }
        expected[i * n + j] = has(kRelu) ? std::max(sum, 0.0) : sum;
        bound[i * n + j] = magnitude * 0x1p-23 * static_cast<double>(depth() + 2);
      }
  }

  bool has(Flag flag) const { return flags & flag; }
  size_t depth() const { return segments * k; }
  // The segments lie in another order than in the panels, and rows overlap.
  size_t offset(size_t s) const { return s == 0 ? k / 2 : s == 1 ? 0 : 2 * k; }

  std::vector<float> run(const Row& row) {
    GuardedArray<float> c(span(m, n, c_stride), guard);
    if (has(kAccumulate))
      for (size_t i = 0; i < m; ++i)
        for (size_t j = 0; j < n; ++j) c[i * c_stride + j] = initial[i * n + j];
    GemmF32 g = {};
    g.m = m;
    g.n = n;
    g.k = k;
    g.segments = segments;
    g.a = a.data();
    g.a_stride = a_stride;
    g.a_offsets = offsets.data();
    g.b = b.data();
    g.b_panel_stride = depth() * K1N16::kOutputs;
    g.c = c.data();
    g.c_stride = g.residual_stride = c_stride;
    g.bias = has(kBias) ? bias.data() : nullptr;
    g.residual = has(kResidual) ? residual.data() : nullptr;
    g.accumulate = has(kAccumulate);
    g.activation.fn = static_cast<int32_t>(has(kRelu) ? UnaryFn::relu : UnaryFn::identity);
    row.kernel.run(g);
    std::vector<float> result(m * n);
    for (size_t i = 0; i < m; ++i)
      for (size_t j = 0; j < c_stride && i * c_stride + j < c.size(); ++j)
        if (j < n)
          result[i * n + j] = c[i * c_stride + j];
        else
          CHECK(std::isnan(c[i * c_stride + j]), "%s wrote between the rows", row.kernel.name);
    return result;
  }

  size_t m, n, k;
  Guard guard;
  int flags;
  size_t segments, a_stride, c_stride;
  GuardedArray<float> a, b, bias, residual;
  std::vector<float> initial;
  std::vector<size_t> offsets;
  std::vector<double> expected, bound;
};

void check(size_t m, size_t n, size_t k, int flags, Guard guard) {
  Problem problem(m, n, k, flags, guard, m * 1000003 + n * 1009 + k);
  std::vector<float> fused;
  for (const Row& row : rows()) {
    const std::vector<float> c = problem.run(row);
    double worst = 0;
    for (size_t e = 0; e < c.size(); ++e) {
      const double error = std::fabs(c[e] - problem.expected[e]);
      if (!(error <= problem.bound[e])) worst = std::isnan(error) ? error : std::max(worst, error);
    }
    CHECK(worst == 0, "%s m=%zu n=%zu k=%zu flags=%d: off by %g", row.kernel.name, m, n, k, flags,
          worst);
    if (!row.fused) continue;
    if (fused.empty()) fused = c;
    CHECK(std::memcmp(c.data(), fused.data(), c.size() * sizeof(float)) == 0,
          "%s m=%zu n=%zu k=%zu flags=%d: other bits than the other fused kernels", row.kernel.name,
          m, n, k, flags);
  }
}

TEST(gemm_f32_tile_edges) {
  for (const Row& row : rows()) {
    const size_t mr = row.kernel.mr, nr = row.kernel.nr;
    int flags = 0;
    for (size_t m : {size_t{1}, mr - 1, mr, mr + 1, 2 * mr + 2})
      for (size_t n : {size_t{1}, nr / 2, nr - 1, nr, nr + 1, 2 * nr + 3})
        for (size_t k : {0, 1, 2, 7, 33}) {
          check(m, n, k, flags % 64, flags % 3 == 0 ? Guard::kFront : Guard::kBack);
          ++flags;
        }
  }
}

// One or two rows have tiles of four and two times as many columns, and narrower ones behind them.
TEST(gemm_f32_few_rows) {
  for (const Row& row : rows()) {
    const size_t nr = row.kernel.nr;
    int flags = 0;
    for (size_t m : {1, 2})
      for (size_t n = nr / 2; n < 9 * nr; n += nr / 2 - 1)
        for (size_t k : {1, 9}) {
          check(m, n, k, flags % 64, flags % 3 == 0 ? Guard::kFront : Guard::kBack);
          ++flags;
        }
  }
}

TEST(gemm_f32_every_epilogue) {
  for (int flags = 0; flags < 64; ++flags)
    for (Guard guard : {Guard::kFront, Guard::kBack}) check(17, 37, 19, flags, guard);
}

TEST(gemm_f32_big) {
  check(131, 129, 517, 3, Guard::kBack);
  check(3, 1000, 1280, 1, Guard::kBack);
}

TEST(gemm_f32_depth_split_keeps_the_bits) {
  constexpr size_t m = 15, n = 33, k = 100, split = 37;
  Random random(1);
  std::vector<float> a(m * k), whole(m * n), parts(m * n);
  Buffer b(round_up(n, K1N16::kOutputs) * k * sizeof(float));
  float* const weights = reinterpret_cast<float*>(b.data());
  test::fill_uniform(a, random);
  for (size_t i = 0; i < round_up(n, K1N16::kOutputs) * k; ++i) weights[i] = random.uniform(-1, 1);
  for (const Row& row : rows()) {
    GemmF32 g = {};
    g.m = m;
    g.n = n;
    g.k = k;
    g.segments = 1;
    g.a = a.data();
    g.a_stride = k;
    g.b = weights;
    g.b_panel_stride = k * K1N16::kOutputs;
    g.c = whole.data();
    g.c_stride = n;
    row.kernel.run(g);
    g.c = parts.data();
    g.k = split;
    row.kernel.run(g);
    g.k = k - split;
    g.a += split;
    g.b += split * K1N16::kOutputs;
    g.accumulate = true;
    row.kernel.run(g);
    CHECK(whole == parts, "%s", row.kernel.name);
  }
}

}  // namespace
}  // namespace edgert
