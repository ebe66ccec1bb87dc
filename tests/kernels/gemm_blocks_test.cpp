#include "kernels/gemm_blocks/gemm_blocks.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/memory.h"
#include "harness.h"
#include "matrix_case.h"
#include "weights/forms.h"
#include "weights/packed/code_panels.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;
using test::Random;
using test::span;

std::vector<GemmBlocksKernel> rows() {
  std::vector<GemmBlocksKernel> list;
#define KERNEL(symbol, isa, form, needs, ...) \
  if (test::can_run(Isa::isa))                \
    list.push_back({#symbol, Isa::isa, symbol, Form::form, WeightFit::needs, __VA_ARGS__});
#include "kernels/gemm_blocks/kernels.inc"
  return list;
}

enum Flag { kZeros = 1, kBias = 2, kStrided = 4, kHardSwish = 8, kExtreme = 16, kNan = 32 };

// One problem, with operands flush against guard pages, against the definition.
void check(const GemmBlocksKernel& kernel, size_t m, size_t n, size_t k, size_t block, int flags,
           Guard guard) {
  Random random(m * 1000003 + n * 1009 + k + static_cast<size_t>(flags));
  const auto has = [=](Flag flag) { return (flags & flag) != 0; };
  const int codes = kernel.form == Form::k4n16 ? 256 : kernel.form == Form::k4n16b4 ? 16 : 4;
  const size_t blocks = ceil_div(k, block), stride = n + (has(kStrided) ? 3 : 0);
  const size_t c_stride = n + (has(kStrided) ? 5 : 0);
  GuardedArray<int8_t> a(m * k, guard);
  GuardedArray<float> a_scales(m * blocks, guard), scales(span(blocks, n, stride), guard);
  GuardedArray<float> bias(n, guard);
  GuardedArray<int32_t> a_sums(m * blocks, guard);
  GuardedArray<uint8_t> zeros(span(blocks, n, stride), guard);
  std::vector<uint8_t> w(n * k);
  for (int8_t& x : a)
    x = static_cast<int8_t>(has(kExtreme) ? (random.integer(0, 7) ? 127 : -127)
                                          : random.integer(-127, 127));
  for (uint8_t& x : w)
    x = static_cast<uint8_t>(has(kExtreme) ? codes - 1 : random.integer(0, codes - 1));
  for (float& x : a_scales) x = random.uniform(1e-3f, 2.0f);
  for (float& x : scales) x = random.uniform(-2.0f, 2.0f);
  for (float& x : bias) x = random.uniform(-9.0f, 9.0f);
  for (uint8_t& x : zeros) x = static_cast<uint8_t>(random.integer(0, 255));
  if (has(kNan) && m > 0) a_scales[blocks - 1] = std::numeric_limits<float>::quiet_NaN();
  for (size_t i = 0; i < m * blocks; ++i) {
    const size_t row = i / blocks * k, first = i % blocks * block;
    a_sums[i] = 0;
    for (size_t p = first; p < std::min(k, first + block); ++p) a_sums[i] += a[row + p];
  }
  const WeightShape shape{n, 1, k};
  const auto* const plain = reinterpret_cast<const std::byte*>(w.data());
  Buffer stored(static_cast<size_t>(packed_bytes(kernel.form, shape, DType::u8, plain)));
  pack(kernel.form, shape, DType::u8, plain, DType::u8, stored.data());

  GuardedArray<float> c(span(m, n, c_stride), guard);
  GemmBlocks g = {};
  g.m = m;
  g.n = n;
  g.k = k;
  g.block = block;
  g.a = a.data();
  g.a_scales = a_scales.data();
  g.a_sums = a_sums.data();
  const CodePanels panels(kernel.form, shape, DType::u8);
  g.b = panels.panel(stored.data());
  g.b_panel_stride = panels.panel_stride();
  g.scales = scales.data();
  g.zeros = has(kZeros) ? zeros.data() : nullptr;
  g.zero = 11;
  g.stride = stride;
  g.bias = has(kBias) ? bias.data() : nullptr;
  g.c = c.data();
  g.c_stride = c_stride;
  g.activation.fn = static_cast<int32_t>(has(kHardSwish) ? UnaryFn::hard_swish : UnaryFn::identity);
  kernel.run(g);
  const auto expected = [&](size_t i, size_t j) {
    float t = 0;
    for (size_t q = 0; q < blocks; ++q) {
      const int zero = has(kZeros) ? zeros[q * stride + j] : g.zero;
      int sum = 0;
      for (size_t p = q * block; p < std::min(k, (q + 1) * block); ++p)
        sum += a[i * k + p] * (w[j * k + p] - zero);
      const float scale = a_scales[i * blocks + q] * scales[q * stride + j];
      const float term = static_cast<float>(sum) * scale;
      t = t + term;
    }
    if (has(kBias)) t = t + bias[j];
    if (!has(kHardSwish)) return t;
    const float gate = t * (1.0f / 6.0f) + 0.5f;
    return t * std::min(std::max(gate, 0.0f), 1.0f);
  };
  const std::string what =
      format("%s m=%zu n=%zu k=%zu block=%zu flags=%d", kernel.name, m, n, k, block, flags);
  if (has(kNan)) {  // in the first row
    for (size_t i = 0; i < m; ++i)
      for (size_t j = 0; j < n; ++j)
        CHECK(std::isnan(c[i * c_stride + j]) == (i == 0), "%s at %zu, %zu", what.c_str(), i, j);
    return;
  }
  test::check_matrix(c, n, c_stride, what, expected);
}

TEST(gemm_blocks_tile_edges) {
  for (const GemmBlocksKernel& row : rows()) {
    const size_t mr = row.mr, nr = row.nr;
    int flags = 0;
    for (size_t m : {size_t{0}, size_t{1}, mr, mr + 1, 2 * mr + 1})
      for (size_t n : {size_t{1}, nr / 4 + 1, nr / 2, nr - 1, nr, nr + 1, 2 * nr + 3})
        for (size_t k : {16, 32, 48, 80, 256})
          for (size_t block : {16, 32, 256}) {
            check(row, m, n, k, block, flags % 64, flags % 3 == 0 ? Guard::kFront : Guard::kBack);
            ++flags;
          }
  }
}

TEST(gemm_blocks_every_flag) {
  for (const GemmBlocksKernel& row : rows())
    for (int flags = 0; flags < 64; ++flags)
      for (Guard guard : {Guard::kFront, Guard::kBack}) check(row, 5, 37, 208, 64, flags, guard);
}

TEST(gemm_blocks_big) {
  for (const GemmBlocksKernel& row : rows()) {
    check(row, 33, 130, 1040, 128, kZeros, Guard::kBack);
    check(row, 3, 70, 4096, 256, kExtreme, Guard::kBack);
  }
}

}  // namespace
}  // namespace edgert
