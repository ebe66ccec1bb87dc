#include "kernels/gemm_bits/gemm_bits.h"

#include <vector>

#include "core/memory.h"
#include "harness.h"
#include "matrix_case.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;
using test::Random;
using test::span;

std::vector<GemmBitsKernel> rows() {
  std::vector<GemmBitsKernel> list;
#define KERNEL(symbol, isa, form, needs, ...) \
  if (test::can_run(Isa::isa))                \
    list.push_back({#symbol, Isa::isa, symbol, Form::form, WeightFit::needs, __VA_ARGS__});
#include "kernels/gemm_bits/kernels.inc"
  return list;
}

enum Flag {
  kFloat = 1,
  kBias = 2,
  kResidual = 4,
  kStrided = 8,
  kSegments = 16,
  kPlaces = 32,
  kHardSwish = 64
};
constexpr int kAllFlags = 128;

// One problem: operands flush against guard pages, and what the result is according to the
// definition.
struct Problem {
  Problem(size_t m, size_t n, size_t k, int flags, Guard guard)
      : m(m),
        n(n),
        k(k),
        flags(flags),
        guard(guard),
        segments(has(kSegments) ? 3 : 1),
        a_stride(k * segments + (has(kStrided) ? 3 : 0)),
        panels(ceil_div(n, K1N16::kOutputs)),
        a(span(m, segments > 1 ? 3 * k : k + k / 2, a_stride), guard),
        b(panels * k * segments * 16, guard),
        starts(2 * panels * 16, guard),
        thresholds(n, guard),
        multiplier(n, guard),
        bias(n, guard) {
    Random random(m * 1000003 + n * 1009 + k * 128 + static_cast<size_t>(flags));
    for (uint8_t& byte : a) byte = static_cast<uint8_t>(random.bits());
    for (uint8_t& byte : b) byte = static_cast<uint8_t>(random.bits());
    const int depth = static_cast<int>(8 * k * segments);
    // At the ends of 16 bits, too: sums wrap around.
    for (int16_t& start : starts)
      start = static_cast<int16_t>(random.integer(0, 3) ? depth : random.bits());
    for (int16_t& t : thresholds) t = static_cast<int16_t>(random.integer(-40, 40));
    for (float& x : multiplier) x = random.uniform(-1.0f, 1.0f);
    for (float& x : bias) x = random.uniform(-30.0f, 30.0f);
    for (size_t s = 0; s < segments; ++s) offsets.push_back(s == 0 ? k / 2 : s == 1 ? 0 : 2 * k);
    for (size_t i = 0; i < m; ++i) places.push_back(random.integer(0, 1) ? panels * 16 : 0);
    if (n > 0) thresholds[n - 1] = random.integer(0, 1) ? INT16_MAX : INT16_MIN;
  }

  bool has(Flag flag) const { return flags & flag; }

  int16_t sum(size_t i, size_t j) {
    uint16_t differ = 0;
    for (size_t s = 0; s < segments; ++s)
      for (size_t p = 0; p < k; ++p)
        differ += static_cast<uint16_t>(
            __builtin_popcount(a[i * a_stride + offsets[s] + p] ^
                               b[j / 16 * k * segments * 16 + (s * k + p) * 16 + j % 16]));
    const int16_t start = starts[(has(kPlaces) ? places[i] : 0) + j];
    return static_cast<int16_t>(static_cast<uint16_t>(start) - 2 * differ);
  }

  float expected(size_t i, size_t j, const float* residual) {
    float t = static_cast<float>(sum(i, j)) * multiplier[j];
    t = t + (has(kBias) ? bias[j] : 0.0f);
    if (residual) t = t + *residual;
    if (!has(kHardSwish)) return t < 0 ? 0 : t;
    const float slope = t * (1.0f / 6.0f) + 0.5f;
    return t * (slope < 0 ? 0 : slope > 1 ? 1 : slope);
  }

  GemmBits arguments() {
    GemmBits g = {};
    g.m = m;
    g.n = n;
    g.k = k;
    g.segments = segments;
    g.a = a.data();
    g.a_stride = a_stride;
    g.a_offsets = offsets.data();
    g.b = b.data();
    g.b_panel_stride = k * segments * 16;
    g.starts = starts.data();
    g.start_places = has(kPlaces) ? places.data() : nullptr;
    return g;
  }

  std::string what(const GemmBitsKernel& kernel) const {
    return format("%s m=%zu n=%zu k=%zu flags=%d", kernel.name, m, n, k, flags);
  }

  void run_bits(const GemmBitsKernel& kernel) {
    const size_t bytes = ceil_div(n, 8), stride = bytes + (has(kStrided) ? 2 : 0);
    GuardedArray<uint8_t> c(span(m, bytes, stride), guard);
    GemmBits g = arguments();
    g.thresholds = thresholds.data();
    g.c = c.data();
    g.c_stride = stride;
    kernel.run(g);
    test::check_matrix(c, bytes, stride, what(kernel), [&](size_t i, size_t byte) {
      int bits = 0;
      for (size_t j = 8 * byte; j < std::min(n, 8 * byte + 8); ++j)
        bits |= (sum(i, j) < thresholds[j]) << j % 8;
      return bits;
    });
  }

  void run_floats(const GemmBitsKernel& kernel) {
    const size_t stride = n + (has(kStrided) ? 5 : 0);
    GuardedArray<float> c(span(m, n, stride), guard), residual(c.size(), guard);
    Random random(n);
    for (float& x : residual) x = random.uniform(-9.0f, 9.0f);
    GemmBits g = arguments();
    g.multiplier = multiplier.data();
    g.bias = has(kBias) ? bias.data() : nullptr;
    g.residual = has(kResidual) ? residual.data() : nullptr;
    g.activation.fn = static_cast<int32_t>(has(kHardSwish) ? UnaryFn::hard_swish : UnaryFn::relu);
    g.c = c.data();
    g.c_stride = stride;
    kernel.run(g);
    test::check_matrix(c, n, stride, what(kernel), [&](size_t i, size_t j) {
      return expected(i, j, has(kResidual) ? &residual[i * stride + j] : nullptr);
    });
  }

  size_t m, n, k;
  int flags;
  Guard guard;
  size_t segments, a_stride, panels;
  GuardedArray<uint8_t> a, b;
  GuardedArray<int16_t> starts, thresholds;
  GuardedArray<float> multiplier, bias;
  std::vector<size_t> offsets, places;
};

void check(size_t m, size_t n, size_t k, int flags, Guard guard = Guard::kBack) {
  Problem problem(m, n, k, flags, guard);
  for (const GemmBitsKernel& kernel : rows())
    problem.has(kFloat) ? problem.run_floats(kernel) : problem.run_bits(kernel);
}

TEST(gemm_bits_tile_edges) {
  for (const GemmBitsKernel& row : rows()) {
    const size_t mr = static_cast<size_t>(row.mr), nr = static_cast<size_t>(row.nr);
    int flags = 0;
    for (size_t m : {size_t{0}, size_t{1}, mr - 1, mr, mr + 1, 2 * mr + 1})
      for (size_t n : {size_t{1}, size_t{15}, nr / 2, nr / 2 + 1, nr - 1, nr, nr + 1, 2 * nr + 3})
        for (size_t k : {0, 1, 2, 7, 30, 31, 32, 63})
          for (int i = 0; i < 2; ++i, flags += 11)
            check(m, n, k, flags % kAllFlags, flags % 3 == 0 ? Guard::kFront : Guard::kBack);
  }
}

TEST(gemm_bits_every_end) {
  for (int flags = 0; flags < kAllFlags; ++flags)
    for (Guard guard : {Guard::kFront, Guard::kBack}) check(5, 43, 12, flags, guard);
}

// As many bits that differ as 16 bits can count, and one more: they wrap around.
TEST(gemm_bits_deep) {
  for (size_t k : {4095, 8191, 8192})
    for (int flags : {0, int{kFloat}, kPlaces | kStrided}) check(6, 66, k, flags);
}

}  // namespace
}  // namespace edgert
