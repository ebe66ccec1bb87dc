#include "kernels/gemm_i16/gemm_i16.h"

#include <algorithm>
#include <cstdlib>

#include "accumulator_case.h"
#include "core/memory.h"
#include "harness.h"
#include "matrix_case.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;
using test::Random;
using test::span;

std::vector<GemmI16Kernel> rows() {
  std::vector<GemmI16Kernel> list;
#define KERNEL(symbol, isa, form, needs, ...) \
  if (test::can_run(Isa::isa))                \
    list.push_back({#symbol, Isa::isa, symbol, Form::form, WeightFit::needs, __VA_ARGS__});
#include "kernels/gemm_i16/kernels.inc"
  return list;
}

enum Flag {
  kResidual = 1,
  kFloat = 2,
  kStrided = 4,
  kHardSwish = 8,
  kSegments = 16,
  kExtreme = 32
};

// One problem: operands flush against guard pages, strides wider than the rows, and what the result
// is according to the definition. Weights are at most `largest`.
struct Problem {
  Problem(size_t m, size_t n, size_t k, int flags, int largest, Guard guard)
      : m(m),
        n(n),
        k(k),
        flags(flags),
        guard(guard),
        segments(has(kSegments) ? 3 : 1),
        steps(segments * ceil_div(k, K2N16::kDepth)),
        a_stride(k * segments + (has(kStrided) ? 3 : 0)),
        c_stride(n + (has(kStrided) ? 5 : 0)),
        a(span(m, segments > 1 ? 3 * k : k + k / 2, a_stride), guard),
        b(ceil_div(n, K2N16::kOutputs) * steps * 32 * sizeof(int16_t)),
        bias(n, guard),
        multiplier(n, guard),
        residual(span(m, n, c_stride), guard) {
    Random random(m * 1000003 + n * 1009 + k + flags);
    const int sign = random.integer(0, 1) ? 1 : -1;
    for (int16_t& x : a)
      x = static_cast<int16_t>(has(kExtreme) ? (sign < 0 ? -32768 : 32767)
                                             : random.integer(-32768, 32767));
    for (int16_t& x : residual) x = static_cast<int16_t>(random.integer(-32768, 32767));
    for (int32_t& x : bias)
      x = has(kExtreme) ? INT32_MIN + random.integer(0, 5) : random.integer(-100000, 100000);
    // Results around the limits of the output.
    const float size = static_cast<float>(largest) * 32768 * static_cast<float>(k + 1);
    for (float& x : multiplier) x = random.uniform(0.0f, 3.0f) * 32768 / size;
    for (size_t s = 0; s < segments; ++s) offsets.push_back(s == 0 ? k / 2 : s == 1 ? 0 : 2 * k);
    if (b.bytes() > 0) std::memset(b.data(), 0, b.bytes());
    for (size_t j = 0; j < n; ++j)
      for (size_t s = 0; s < segments; ++s)
        for (size_t p = 0; p < k; ++p)
          weight(s, p, j) = static_cast<int16_t>(!has(kExtreme) ? random.integer(-largest, largest)
                                                 : j % 3 == 0   ? largest
                                                                : -largest);
  }

  bool has(Flag flag) const { return flags & flag; }
  int16_t* panels() { return reinterpret_cast<int16_t*>(b.data()); }
  int16_t& weight(size_t s, size_t p, size_t j) {
    return panels()[(j / 16 * steps + s * ceil_div(k, 2) + p / 2) * 32 + j % 16 * 2 + p % 2];
  }
  test::AccumulatorCase end() const { return {has(kResidual), has(kHardSwish), has(kFloat), true}; }

  // The longest chunk that keeps the bound, and whether all of a column does.
  void measure() {
    chunk = std::max<size_t>(1, steps);
    narrow = true;
    for (size_t j = 0; j < n; ++j) {
      const int16_t* const column = panels() + j / 16 * steps * 32 + j % 16 * 2;
      const auto size = [&](size_t s) {
        return std::abs(int64_t{column[s * 32]}) + std::abs(int64_t{column[s * 32 + 1]});
      };
      int64_t window = 0, all = 0;
      for (size_t first = 0, s = 0; s < steps; ++s) {
        window += size(s);
        all += size(s);
        while (window > kMaxWeights) {
          chunk = std::min(chunk, s - first);
          window -= size(first++);
        }
      }
      narrow = narrow && 32768 * all + std::abs(int64_t{bias[j]}) <= INT32_MAX;
    }
  }

  float expected(size_t i, size_t j) {
    int64_t sum = bias[j];
    for (size_t s = 0; s < segments; ++s)
      for (size_t p = 0; p < k; ++p)
        sum += int{a[i * a_stride + offsets[s] + p]} * int{weight(s, p, j)};
    return end().expected(sum, multiplier[j], residual.data() + i * c_stride + j);
  }

  template <typename T>
  void run(const GemmI16Kernel& kernel) {
    GuardedArray<T> c(span(m, n, c_stride), guard);
    GemmI16 g = {};
    g.m = m;
    g.n = n;
    g.k = k;
    g.segments = segments;
    g.a = a.data();
    g.a_stride = a_stride;
    g.a_offsets = offsets.data();
    g.b = panels();
    g.b_panel_stride = steps * 32;
    measure();
    g.chunk = chunk;
    g.narrow = narrow;
    g.c = c.data();
    g.c_stride = c_stride;
    g.out = end().record(bias.data(), multiplier.data(), residual.data());
    kernel.run(g);
    test::check_matrix(c, n, c_stride,
                       format("%s m=%zu n=%zu k=%zu flags=%d chunk=%zu narrow=%d", kernel.name, m,
                              n, k, flags, chunk, narrow),
                       [&](size_t i, size_t j) { return expected(i, j); });
  }

  size_t m, n, k;
  int flags;
  Guard guard;
  size_t segments, steps, a_stride, c_stride;
  size_t chunk = 1;
  bool narrow = false;
  GuardedArray<int16_t> a;
  Buffer b;
  GuardedArray<int32_t> bias;
  GuardedArray<float> multiplier;
  GuardedArray<int16_t> residual;
  std::vector<size_t> offsets;
};

void check(size_t m, size_t n, size_t k, int flags, int largest, Guard guard = Guard::kBack) {
  Problem problem(m, n, k, flags, largest, guard);
  for (const GemmI16Kernel& kernel : rows())
    problem.has(kFloat) ? problem.run<float>(kernel) : problem.run<int16_t>(kernel);
}

TEST(gemm_i16_tile_edges) {
  for (const GemmI16Kernel& row : rows()) {
    const size_t mr = row.mr, nr = row.nr;
    int flags = 0;
    for (size_t m : {size_t{1}, mr - 1, mr, mr + 1, 2 * mr + 2})
      for (size_t n : {size_t{1}, nr / 2, nr - 1, nr, nr + 1, 2 * nr + 3})
        for (size_t k : {0, 1, 2, 3, 4, 7, 33})
          for (int largest : {127, 4095, 32767}) {
            check(m, n, k, flags % 64, largest, flags % 3 == 0 ? Guard::kFront : Guard::kBack);
            ++flags;
          }
  }
}

TEST(gemm_i16_every_end) {
  for (int flags = 0; flags < 64; ++flags)
    for (int largest : {3, 127, 1000, 32767})
      for (Guard guard : {Guard::kFront, Guard::kBack}) check(8, 21, 19, flags, largest, guard);
}

// Chunks of one step, of a few, of all but the last, and sums that need more than 32 bits.
TEST(gemm_i16_deep) {
  for (int largest : {1, 13, 14, 15, 127, 2047, 32767})
    for (int flags : {0, int{kExtreme}, kExtreme | kSegments, kSegments | kResidual})
      check(7, 17, 5001, flags, largest);
}

}  // namespace
}  // namespace edgert
