#include "kernels/gemm_i8/gemm_i8.h"

#include <algorithm>

#include "accumulator_case.h"
#include "core/memory.h"
#include "harness.h"
#include "matrix_case.h"
#include "schema/enums.h"
#include "weights/packed/code_panels.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;
using test::Random;
using test::span;

std::vector<GemmI8Kernel> rows() {
  std::vector<GemmI8Kernel> list;
#define KERNEL(symbol, isa, form, needs, ...) \
  if (test::can_run(Isa::isa))                \
    list.push_back({#symbol, Isa::isa, symbol, Form::form, WeightFit::needs, __VA_ARGS__});
#include "kernels/gemm_i8/kernels.inc"
  return list;
}

// One problem: operands flush against guard pages, strides wider than the rows, and what the result
// is according to the definition.
struct Problem {
  enum Flag {
    kResidual = 1,
    kFloat = 2,
    kStrided = 4,
    kHardSwish = 8,
    kSegments = 16,
    kExtreme = 32,
    kSmall = 64,
    kDynamic = 128,
    kRuns = 256
  };

  Problem(size_t m, size_t n, size_t k, int flags, WeightFit fit, Guard guard, uint64_t seed)
      : m(m),
        n(n),
        k(k),
        flags(flags),
        guard(guard),
        segments(has(kSegments) ? 3 : 1),
        panel_stride(segments * ceil_div(k, K4N16::kDepth) * 64),
        run_rows(has(kRuns) ? run_of(m) : m),
        a_stride(k * segments + (has(kStrided) ? 3 : 0)),
        a_run_stride(run_rows * a_stride + 7),
        c_stride(n + (has(kStrided) ? 5 : 0)),
        a(m == 0 ? 0 : row(m - 1) + (segments > 1 ? 3 * k : k + k / 2), guard),
        b(ceil_div(n, K4N16::kOutputs) * panel_stride),
        bias(n, guard),
        column_sums(n, guard),
        multiplier(n, guard),
        residual(span(m, n, c_stride), guard),
        scales(has(kStrided) ? m : 1, guard),
        float_bias(n, guard),
        float_residual(span(m, n, c_stride), guard) {
    Random random(seed);
    for (size_t i = 0; i < a.size(); ++i)  // the extremes last for several steps of the depth
      a[i] = static_cast<uint8_t>(has(kExtreme) ? (i / 64 % 2 ? 0 : 255) : random.integer(0, 255));
    for (uint8_t& x : residual) x = static_cast<uint8_t>(random.integer(0, 255));
    for (int32_t& x : bias) x = random.integer(-100000, 100000);
    for (float& x : multiplier) x = random.uniform(1e-4f, 2e-3f);
    for (size_t s = 0; s < segments; ++s) offsets.push_back(s == 0 ? k / 2 : s == 1 ? 0 : 2 * k);
    if (b.bytes() > 0) std::memset(b.data(), 0, b.bytes());
    for (size_t j = 0; j < n; ++j)
      for (size_t s = 0; s < segments; ++s)
        for (size_t p = 0; p < k; p += 2) {
          int first = random.integer(-128, 127), second = random.integer(-128, 127);
          if (has(kExtreme)) first = second = j % 2 ? 127 : -128;
          const int least = fit == WeightFit::kAny ? -128 : -127;
          if (fit >= WeightFit::kPairs) {  // the largest that still fit
            const int most = fit == WeightFit::kPairs ? 128 : 64;
            first = first * most / 256;
            second = first < 0 ? -most - first : most - first;
            if (!has(kExtreme)) second = random.integer(std::min(0, second), std::max(0, second));
          }
          weight(s, p, j) = static_cast<int8_t>(std::max(least, first));
          if (p + 1 < k) weight(s, p + 1, j) = static_cast<int8_t>(std::max(least, second));
        }
    for (DynamicScale& x : scales) x = {random.uniform(1e-3f, 2.0f), random.integer(0, 255)};
    for (float& x : float_bias) x = random.uniform(-9.0f, 9.0f);
    for (float& x : float_residual) x = random.uniform(-9.0f, 9.0f);
    for (size_t j = 0; j < n; ++j)
      column_sums[j] = weighted_sum(j, [](size_t, size_t) { return 1; });
  }

  // The sum of column j of b, element p of segment s taken x(s, p) times.
  template <typename X>
  int32_t weighted_sum(size_t j, X x) {
    int64_t sum = 0;
    for (size_t s = 0; s < segments; ++s)
      for (size_t p = 0; p < k; ++p) sum += int64_t{x(s, p)} * weight(s, p, j);
    return static_cast<int32_t>(sum);
  }

  // Replaces the weights by some of few values, at most 32 from zero.
  void take_few_values(Form form) {
    const int values = form == Form::k4n16b4 ? 16 : 4;
    for (size_t j = 0; j < n; ++j) {
      for (size_t p = 0; p < k; ++p) {
        const int value = (weight(0, p, j) & 0xff) % values * 64 / (values - 1) - 32;
        weight(0, p, j) = static_cast<int8_t>(has(kExtreme) ? (j % 2 ? 32 : -32) : value);
      }
      column_sums[j] = weighted_sum(j, [](size_t, size_t) { return 1; });
    }
  }

  // Rows of a run, some of m.
  static size_t run_of(size_t m) {
    for (size_t parts : {2, 3, 5, 7})
      if (m % parts == 0) return m / parts;
    return 1;
  }
  // Where row i of a begins.
  size_t row(size_t i) const { return i / run_rows * a_run_stride + i % run_rows * a_stride; }
  bool has(Flag flag) const { return flags & flag; }
  int8_t& weight(size_t s, size_t p, size_t j) {
    return reinterpret_cast<int8_t*>(
        b.data())[j / 16 * panel_stride + (s * ceil_div(k, 4) + p / 4) * 64 + j % 16 * 4 + p % 4];
  }

  test::AccumulatorCase end() const { return {has(kResidual), has(kHardSwish), has(kFloat)}; }

  DynamicOutput dynamic() {
    return {scales.data(), scales.size() > 1, has(kSmall) ? float_bias.data() : nullptr,
            has(kResidual) ? float_residual.data() : nullptr};
  }

  float expected(size_t i, size_t j) {
    const auto input = [&](size_t s, size_t p) { return int{a[row(i) + offsets[s] + p]}; };
    if (!has(kDynamic))
      return end().expected(int64_t{bias[j]} + weighted_sum(j, input), multiplier[j],
                            residual.data() + i * c_stride + j);
    const DynamicScale& scale = scales[scales.size() > 1 ? i : 0];
    const int32_t sum =
        weighted_sum(j, [&](size_t s, size_t p) { return input(s, p) - scale.zero; });
    float t = static_cast<float>(sum) * multiplier[j];
    t = t * scale.scale;
    if (has(kSmall)) t = t + float_bias[j];
    if (has(kResidual)) t = t + float_residual[i * c_stride + j];
    if (!has(kHardSwish)) return t;
    const float gate = t * (1.0f / 6.0f) + 0.5f;
    return t * std::min(std::max(gate, 0.0f), 1.0f);
  }

  template <typename T>
  void run(const GemmI8Kernel& kernel) {
    GuardedArray<T> c(span(m, n, c_stride), guard);
    GemmI8 g = {};
    g.m = m;
    g.n = n;
    g.k = k;
    g.segments = segments;
    g.a = a.data();
    g.run = run_rows;
    g.a_run_stride = a_run_stride;
    g.a_stride = a_stride;
    g.a_offsets = offsets.data();
    g.b = reinterpret_cast<const int8_t*>(b.data());
    g.b_panel_stride = panel_stride;
    g.c = c.data();
    g.c_stride = c_stride;
    g.out = end().record(bias.data(), multiplier.data(), residual.data());
    g.out.small = has(kSmall);
    const DynamicOutput dynamic_output = dynamic();
    if (has(kDynamic)) {
      g.out.output.dtype = static_cast<int32_t>(DType::f32);
      g.out.output.scale = 1.0f;
      g.dynamic = &dynamic_output;
      g.out.bias = nullptr;
    }
    if (has(kDynamic) || kernel.column_sums) g.column_sums = column_sums.data();
    Buffer codes;
    if (is_packed(kernel.form)) {  // the weights, of few values, once more
      const WeightShape shape{n, 1, k};
      std::vector<int8_t> rows(n * k);
      for (size_t j = 0; j < n; ++j)
        for (size_t p = 0; p < k; ++p) rows[j * k + p] = weight(0, p, j);
      const CodePanels panels(kernel.form, shape, DType::i8);
      codes = Buffer(static_cast<size_t>(*panels.bytes()));
      panels.pack(reinterpret_cast<const std::byte*>(rows.data()), codes.data());
      g.table = reinterpret_cast<const int8_t*>(codes.data());
      g.b = reinterpret_cast<const int8_t*>(panels.panel(codes.data()));
      g.b_panel_stride = panels.panel_stride();
    }
    kernel.run(g);
    test::check_matrix(c, n, c_stride,
                       format("%s m=%zu n=%zu k=%zu flags=%d", kernel.name, m, n, k, flags),
                       [&](size_t i, size_t j) { return expected(i, j); });
  }

  size_t m, n, k;
  int flags;
  Guard guard;
  size_t segments, panel_stride, run_rows, a_stride, a_run_stride, c_stride;
  GuardedArray<uint8_t> a;
  Buffer b;
  GuardedArray<int32_t> bias, column_sums;
  GuardedArray<float> multiplier;
  GuardedArray<uint8_t> residual;
  GuardedArray<DynamicScale> scales;
  GuardedArray<float> float_bias, float_residual;
  std::vector<size_t> offsets;
};

void check(size_t m, size_t n, size_t k, int flags, Guard guard) {
  for (const GemmI8Kernel& kernel : rows()) {
    const bool packed = is_packed(kernel.form);  // one segment, rows a stride apart
    if (packed) flags &= ~(Problem::kSegments | Problem::kRuns);
    Problem problem(m, n, k, flags, kernel.needs, guard, m * 1000003 + n * 1009 + k);
    if (packed) problem.take_few_values(kernel.form);
    const bool floats = problem.has(Problem::kFloat) || problem.has(Problem::kDynamic);
    floats ? problem.run<float>(kernel) : problem.run<uint8_t>(kernel);
  }
}

TEST(gemm_i8_tile_edges) {
  for (const GemmI8Kernel& row : rows()) {
    const size_t mr = row.mr, nr = row.nr;
    int flags = 0;
    for (size_t m : {size_t{0}, size_t{1}, mr - 1, mr, mr + 1, 2 * mr + 2})
      for (size_t n : {size_t{1}, nr / 2, nr - 1, nr, nr + 1, 2 * nr + 3})
        for (size_t k : {0, 1, 2, 3, 4, 7, 8, 12, 33}) {
          check(m, n, k, flags % 512, flags % 3 == 0 ? Guard::kFront : Guard::kBack);
          ++flags;
        }
  }
}

TEST(gemm_i8_every_epilogue) {
  for (int flags = 0; flags < 512; ++flags)
    for (Guard guard : {Guard::kFront, Guard::kBack})
      check(flags & Problem::kRuns ? 18 : 17, 37, 19, flags, guard);
}

// Around the tiles of AMX: 16 rows, 64 of the depth.
TEST(gemm_i8_deep) {
  int flags = 0;
  for (size_t m : {1, 15, 16, 17, 47, 48})
    for (size_t n : {16, 17, 33})
      for (size_t k : {60, 62, 63, 64, 65, 68, 72, 124, 127, 128, 129, 132, 180, 201}) {
        check(m, n, k, flags % 512, flags % 5 < 2 ? Guard::kFront : Guard::kBack);
        flags += 29;  // no divisor of the sets of flags: all come up with all shapes
      }
}

TEST(gemm_i8_big) {
  check(131, 129, 517, 1, Guard::kBack);
  check(3, 1000, 1280, Problem::kExtreme, Guard::kBack);
}

}  // namespace
}  // namespace edgert
