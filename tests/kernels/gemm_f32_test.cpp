#include "kernels/gemm_f32/gemm_f32.h"

#include <algorithm>

#include "core/memory.h"
#include "harness.h"
#include "schema/enums.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;
using test::Random;

struct Row {
  GemmF32Kernel kernel;
  bool fused;  // whether fma() rounds once: all such kernels give the same bits
};

std::vector<Row> rows() {
  std::vector<Row> list;
#define KERNEL(symbol, isa, mr, nr) \
  if (test::can_run(Isa::isa))      \
    list.push_back({{#symbol, Isa::isa, symbol, mr, nr}, Isa::isa != Isa::portable});
#include "kernels/gemm_f32/kernels.inc"
  return list;
}

// One problem: operands flush against guard pages, strides wider than the rows, and what the result
// is according to the definition, in double precision, with a bound of its rounding error.
struct Problem {
  Problem(size_t m, size_t n, size_t k, int flags, Guard guard, uint64_t seed)
      : m(m),
        n(n),
        k(k),
        guard(guard),
        flags(flags),
        a_stride(k + (flags & 8 ? 3 : 0)),
        c_stride(n + (flags & 8 ? 5 : 0)),
        a(span(m, k, a_stride), guard),
        b(round_up(n, kPanelWidth) * k, guard),
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
    for (size_t i = 0; i < m; ++i)
      for (size_t j = 0; j < n; ++j) {
        double sum = accumulate() ? initial[i * n + j] : has_bias() ? bias[j] : 0.0;
        double magnitude = std::fabs(sum);
        for (size_t p = 0; p < k; ++p) {
          const double product =
              double{a[i * a_stride + p]} *
              b[j / kPanelWidth * k * kPanelWidth + p * kPanelWidth + j % kPanelWidth];
          sum += product;
          magnitude += std::fabs(product);
        }
        if (has_residual()) {
          sum += residual[i * c_stride + j];
          magnitude += std::fabs(residual[i * c_stride + j]);
        }
        expected[i * n + j] = relu() ? std::max(sum, 0.0) : sum;
        bound[i * n + j] = magnitude * 0x1p-23 * static_cast<double>(k + 2);
      }
  }

  static size_t span(size_t rows, size_t columns, size_t stride) {
    return rows == 0 || columns == 0 ? 0 : (rows - 1) * stride + columns;
  }
  bool has_bias() const { return flags & 1; }
  bool has_residual() const { return flags & 2; }
  bool accumulate() const { return flags & 4; }
  bool relu() const { return flags & 16; }

  std::vector<float> run(const Row& row) {
    GuardedArray<float> c(span(m, n, c_stride), guard);
    if (accumulate())
      for (size_t i = 0; i < m; ++i)
        for (size_t j = 0; j < n; ++j) c[i * c_stride + j] = initial[i * n + j];
    const Activation activation = {static_cast<int32_t>(relu() ? UnaryFn::relu : UnaryFn::identity),
                                   0, 0};
    row.kernel.run({m, n, k, a.data(), a_stride, b.data(), k * kPanelWidth, c.data(), c_stride,
                    has_bias() ? bias.data() : nullptr, has_residual() ? residual.data() : nullptr,
                    c_stride, accumulate(), activation});
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
  size_t a_stride, c_stride;
  GuardedArray<float> a, b, bias, residual;
  std::vector<float> initial;
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
          check(m, n, k, flags % 32, flags % 3 == 0 ? Guard::kFront : Guard::kBack);
          ++flags;
        }
  }
}

TEST(gemm_f32_every_epilogue) {
  for (int flags = 0; flags < 32; ++flags)
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
  Buffer b(round_up(n, kPanelWidth) * k * sizeof(float));
  float* const weights = reinterpret_cast<float*>(b.data());
  test::fill_uniform(a, random);
  for (size_t i = 0; i < round_up(n, kPanelWidth) * k; ++i) weights[i] = random.uniform(-1, 1);
  for (const Row& row : rows()) {
    GemmF32 g = {m, n,       k,       a.data(), k,     weights, k * kPanelWidth, whole.data(),
                 n, nullptr, nullptr, 0,        false, {}};
    row.kernel.run(g);
    g.c = parts.data();
    g.k = split;
    row.kernel.run(g);
    g.k = k - split;
    g.a += split;
    g.b += split * kPanelWidth;
    g.accumulate = true;
    row.kernel.run(g);
    CHECK(whole == parts, "%s", row.kernel.name);
  }
}

}  // namespace
}  // namespace edgert
