#include "kernels/gemm_sparse_i8/gemm_sparse_i8.h"

#include <algorithm>
#include <vector>

#include "accumulator_case.h"
#include "core/memory.h"
#include "harness.h"
#include "matrix_case.h"
#include "weights/forms.h"
#include "weights/sparse/blocks.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;
using test::Random;
using test::span;

std::vector<GemmSparseI8Kernel> rows() {
  std::vector<GemmSparseI8Kernel> list;
#define KERNEL(symbol, isa, form, needs, ...) \
  if (test::can_run(Isa::isa))                \
    list.push_back({#symbol, Isa::isa, symbol, Form::form, WeightFit::needs, __VA_ARGS__});
#include "kernels/gemm_sparse_i8/kernels.inc"
  return list;
}

enum Flag {
  kResidual = 1,
  kFloat = 2,
  kStrided = 4,
  kHardSwish = 8,
  kSegments = 16,
  kExtreme = 32,
  kSmall = 64,
  kRuns = 128
};

// One problem: operands flush against guard pages, strides wider than the rows, about one block in
// `period` there, of weights as large as the kernel can add up.
template <typename T>
void check(const GemmSparseI8Kernel& kernel, size_t m, size_t n, size_t k, int flags, int period,
           Guard guard) {
  Random random(m * 1000003 + n * 1009 + k * 17 + flags);
  const auto has = [=](Flag flag) { return (flags & flag) != 0; };
  const size_t segments = has(kSegments) ? 3 : 1, depth = segments * k;
  const WeightShape shape = {n, segments, k};
  const int most = kernel.needs == WeightFit::kQuads   ? 32
                   : kernel.needs == WeightFit::kPairs ? 64
                                                       : 127;
  std::vector<int8_t> w(n * depth);
  for (size_t j = 0; j < n; ++j) {
    const int empty = random.integer(0, 5);  // 0: the output has no weights, 1: all
    bool kept = false;
    for (size_t p = 0; p < depth; ++p) {
      if (p % 4 == 0) kept = empty == 1 || (empty > 1 && random.integer(1, period) == 1);
      if (!kept) continue;
      int weight = has(kExtreme) ? (j % 2 ? most : -most) : random.integer(-most, most);
      if (weight == -127 && kernel.needs == WeightFit::kAny) weight = -128;
      w[j * depth + p] = static_cast<int8_t>(weight);
    }
  }
  const Blocks blocks(kernel.form, shape, DType::i8);
  const auto* const weights = reinterpret_cast<const std::byte*>(w.data());
  test::GuardedBytes stored(packed_bytes(kernel.form, shape, DType::i8, weights));
  blocks.pack(weights, stored.bytes());
  CHECK(blocks.fits(kernel.needs, stored.bytes()), "%s: weights fit", kernel.name);

  const size_t run = has(kRuns) && m % 3 == 0 ? m / 3 : m;
  const size_t a_stride = depth + (has(kStrided) ? 3 : 0), a_run_stride = run * a_stride + 7;
  const size_t c_stride = n + (has(kStrided) ? 5 : 0);
  const auto row = [=](size_t i) { return i / run * a_run_stride + i % run * a_stride; };
  GuardedArray<uint8_t> a(m == 0 ? 0 : row(m - 1) + (segments > 1 ? 3 * k : k + k / 2), guard);
  GuardedArray<int32_t> bias(n, guard), column_sums(n, guard);
  GuardedArray<float> multiplier(n, guard);
  GuardedArray<uint8_t> residual(span(m, n, c_stride), guard);
  for (size_t i = 0; i < a.size(); ++i)
    a[i] = static_cast<uint8_t>(has(kExtreme) ? (i / 64 % 2 ? 0 : 255) : random.integer(0, 255));
  for (int32_t& x : bias) x = random.integer(-100000, 100000);
  for (float& x : multiplier) x = random.uniform(1e-4f, 2e-3f);
  for (uint8_t& x : residual) x = static_cast<uint8_t>(random.integer(0, 255));
  std::vector<size_t> offsets;
  for (size_t s = 0; s < segments; ++s) offsets.push_back(s == 0 ? k / 2 : s == 1 ? 0 : 2 * k);
  const std::vector<int32_t> sums = blocks.sums(stored.bytes());
  std::copy(sums.begin(), sums.end(), column_sums.begin());

  const test::AccumulatorCase end = {has(kResidual), has(kHardSwish), has(kFloat)};
  GuardedArray<T> c(span(m, n, c_stride), guard);
  const size_t mr = static_cast<size_t>(kernel.mr);
  const size_t tile_rows = period % 2 == 0 && mr > 16 ? mr / 2 : mr;
  const size_t scratch_bytes = gemm_sparse_i8_scratch_bytes(tile_rows, segments * round_up(k, 4));
  Buffer scratch(scratch_bytes + 64);
  std::memset(scratch.data(), 0x5a, scratch.bytes());
  GemmSparseI8 g = {};
  g.m = m;
  g.n = n;
  g.k = k;
  g.segments = segments;
  g.a = a.data();
  g.run = std::max<size_t>(run, 1);
  g.a_run_stride = a_run_stride;
  g.a_stride = a_stride;
  g.a_offsets = offsets.data();
  g.tile_rows = tile_rows;
  g.b = blocks.all_rows<int8_t>(stored.bytes());
  g.c = c.data();
  g.c_stride = c_stride;
  g.out = end.record(bias.data(), multiplier.data(), residual.data());
  g.out.small = has(kSmall);
  g.column_sums = kernel.column_sums ? column_sums.data() : nullptr;
  g.scratch = scratch.data();
  kernel.run(g);
  const std::string what =
      format("%s m=%zu n=%zu k=%zu flags=%d period=%d", kernel.name, m, n, k, flags, period);
  for (size_t i = scratch_bytes; i < scratch.bytes(); ++i)
    CHECK(scratch.data()[i] == std::byte{0x5a}, "%s wrote beyond its scratch", what.c_str());
  test::check_matrix(c, n, c_stride, what, [&](size_t i, size_t j) {
    int64_t sum = bias[j];
    for (size_t s = 0; s < segments; ++s)
      for (size_t p = 0; p < k; ++p)
        sum += int64_t{a[row(i) + offsets[s] + p]} * w[j * depth + s * k + p];
    return end.expected(sum, multiplier[j], residual.data() + i * c_stride + j);
  });
}

void check_all(size_t m, size_t n, size_t k, int flags, int period) {
  const Guard guard = flags % 3 == 0 ? Guard::kFront : Guard::kBack;
  for (const GemmSparseI8Kernel& kernel : rows())
    flags& kFloat ? check<float>(kernel, m, n, k, flags, period, guard)
                  : check<uint8_t>(kernel, m, n, k, flags, period, guard);
}

TEST(gemm_sparse_i8_tile_edges) {
  int flags = 0;
  for (size_t m : {0, 1, 3, 4, 7, 8, 9, 15, 16, 17, 33, 63, 64, 65, 130})
    for (size_t n : {1, 3, 4, 5, 15, 16, 17, 35})
      for (size_t k : {0, 1, 3, 4, 5, 8, 33}) {
        check_all(m, n, k, flags % 256, 1 + flags % 4);
        flags += 37;  // no divisor of the sets of flags: all come up with all shapes
      }
}

TEST(gemm_sparse_i8_every_epilogue) {
  for (int flags = 0; flags < 256; ++flags) check_all(21, 37, 19, flags, 2);
}

TEST(gemm_sparse_i8_deep) {
  for (int period : {1, 3, 30, 1000}) {
    check_all(70, 33, 517, period, period);
    check_all(9, 18, 2600, kExtreme, period);
  }
}

}  // namespace
}  // namespace edgert
