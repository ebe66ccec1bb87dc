#include "kernels/gemm_sparse_f32/gemm_sparse_f32.h"

#include <algorithm>
#include <vector>

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

std::vector<GemmSparseF32Kernel> rows() {
  std::vector<GemmSparseF32Kernel> list;
#define KERNEL(symbol, isa, form, needs, ...) \
  if (test::can_run(Isa::isa))                \
    list.push_back({#symbol, Isa::isa, symbol, Form::form, WeightFit::needs, __VA_ARGS__});
#include "kernels/gemm_sparse_f32/kernels.inc"
  return list;
}

enum Flag {
  kBias = 1,
  kResidual = 2,
  kInPlace = 4,
  kStrided = 8,
  kRelu = 16,
  kSegments = 32,
  kRuns = 64
};

// One problem: operands flush against guard pages, strides wider than the rows, about one weight in
// `period` there. Each element is the chain of the definition, bit by bit.
void check(size_t m, size_t n, size_t k, int flags, int period) {
  Random random(m * 1000003 + n * 1009 + k * 17 + flags);
  const Guard guard = flags % 3 == 0 ? Guard::kFront : Guard::kBack;
  const auto has = [=](Flag flag) { return (flags & flag) != 0; };
  const size_t segments = has(kSegments) ? 3 : 1, depth = segments * k;
  const WeightShape shape = {n, segments, k};
  std::vector<float> w(n * depth);
  for (size_t j = 0; j < n; ++j) {
    const int empty = random.integer(0, 5);  // 0: the output has no weights, 1: all
    for (size_t p = 0; p < depth; ++p)
      if (empty == 1 || (empty > 1 && random.integer(1, period) == 1))
        w[j * depth + p] = random.uniform(0.1f, 1.0f) * (p % 2 ? 1.0f : -1.0f);
  }
  const Blocks blocks(Form::csr, shape, DType::f32);
  const auto* const weights = reinterpret_cast<const std::byte*>(w.data());
  test::GuardedBytes stored(packed_bytes(Form::csr, shape, DType::f32, weights));
  blocks.pack(weights, stored.bytes());

  const size_t run = has(kRuns) && m % 3 == 0 ? m / 3 : m;
  const size_t a_stride = depth + (has(kStrided) ? 3 : 0), a_run_stride = run * a_stride + 7;
  const size_t c_stride = n + (has(kStrided) ? 5 : 0);
  const auto row = [=](size_t i) { return i / run * a_run_stride + i % run * a_stride; };
  GuardedArray<float> a(m == 0 ? 0 : row(m - 1) + (segments > 1 ? 3 * k : k + k / 2), guard);
  GuardedArray<float> bias(n, guard), residual(span(m, n, c_stride), guard);
  test::fill_uniform(a, random);
  test::fill_uniform(bias, random);
  test::fill_uniform(residual, random);
  std::vector<size_t> offsets;
  for (size_t s = 0; s < segments; ++s) offsets.push_back(s == 0 ? k / 2 : s == 1 ? 0 : 2 * k);

  for (const GemmSparseF32Kernel& kernel : rows()) {
    GuardedArray<float> c(span(m, n, c_stride), guard);
    if (has(kInPlace))
      for (size_t i = 0; i < m; ++i)
        for (size_t j = 0; j < n; ++j) c[i * c_stride + j] = residual[i * c_stride + j];
    const size_t mr = static_cast<size_t>(kernel.mr);
    const size_t tile_rows = period % 2 == 0 && mr > 16 ? mr / 2 : mr;
    const size_t scratch_bytes = gemm_sparse_f32_scratch_bytes(tile_rows, depth);
    Buffer scratch(scratch_bytes + 64);
    std::memset(scratch.data(), 0x5a, scratch.bytes());
    GemmSparseF32 g = {};
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
    g.b = blocks.all_rows<float>(stored.bytes());
    g.c = c.data();
    g.c_stride = c_stride;
    g.bias = has(kBias) ? bias.data() : nullptr;
    g.residual = has(kResidual) ? (has(kInPlace) ? c.data() : residual.data()) : nullptr;
    g.activation.fn = static_cast<int32_t>(has(kRelu) ? UnaryFn::relu : UnaryFn::identity);
    g.scratch = scratch.data();
    kernel.run(g);
    const std::string what =
        format("%s m=%zu n=%zu k=%zu flags=%d period=%d", kernel.name, m, n, k, flags, period);
    for (size_t i = scratch_bytes; i < scratch.bytes(); ++i)
      CHECK(scratch.data()[i] == std::byte{0x5a}, "%s wrote beyond its scratch", what.c_str());
    const bool fused = test::is_fused(kernel.isa);
    test::check_matrix(c, n, c_stride, what, [&](size_t i, size_t j) {
      float sum = has(kBias) ? bias[j] : 0.0f;
      if (has(kResidual))
        sum = has(kBias) ? sum + residual[i * c_stride + j] : residual[i * c_stride + j];
      for (size_t p = 0; p < depth; ++p) {
        const float weight = w[j * depth + p];
        if (weight == 0) continue;
        const float x = a[row(i) + offsets[p / k] + p % k], product = x * weight;
        sum = fused ? std::fma(x, weight, sum) : sum + product;
      }
      return has(kRelu) ? std::max(sum, 0.0f) : sum;
    });
  }
}

TEST(gemm_sparse_f32_tile_edges) {
  int flags = 0;
  for (size_t m : {0, 1, 3, 4, 7, 8, 9, 15, 16, 17, 33, 63, 64, 65, 130})
    for (size_t n : {1, 3, 8, 9, 15, 16, 17, 35})
      for (size_t k : {0, 1, 2, 7, 8, 33}) {
        check(m, n, k, flags % 128, 1 + flags % 4);
        flags += 37;  // no divisor of the sets of flags: all come up with all shapes
      }
}

TEST(gemm_sparse_f32_every_epilogue) {
  for (int flags = 0; flags < 128; ++flags) check(21, 37, 19, flags, 2);
}

TEST(gemm_sparse_f32_deep) {
  for (int period : {1, 3, 30, 1000}) {
    check(70, 33, 517, period, period);
    check(9, 18, 2600, kBias | kResidual, period);
  }
}

}  // namespace
}  // namespace edgert
