#include "kernels/binary_int/binary_int.h"

#include <algorithm>

#include "harness.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;
using test::Random;

Requantize output(DType dtype, UnaryFn fn, float scale) {
  Requantize r = {static_cast<int32_t>(dtype), {static_cast<int32_t>(fn), 0, 0}, scale, 0, 0, 0};
  if (dtype == DType::u8) r.zero = 100, r.low = 7, r.high = 250;
  return r;
}

// Every operation rounded on its own, as in the definition; the operands of shifted sums as the C
// library does it.
float expected(const BinaryInt& g, int a, int b) {
  const int x = a - g.a.zero, z = b - g.b.zero;
  float t;
  if (g.fn == BinaryFn::mul) {
    const float scale = g.a.scale * g.b.scale;
    t = static_cast<float>(x * z) * scale;
    if (g.shifted) t = t + g.shift;
  } else if (g.shifted) {
    t = std::fmaf(static_cast<float>(z), g.b.scale, g.shift);
    t = std::fmaf(static_cast<float>(x), g.a.scale, t);
  } else {
    const float scaled_x = static_cast<float>(x) * g.a.scale;
    const float scaled_z = static_cast<float>(z) * g.b.scale;
    t = scaled_x + scaled_z;
  }
  if (g.output.activation.fn == static_cast<int32_t>(UnaryFn::hard_swish)) {
    const float sixth = t * (1.0f / 6.0f), gate = sixth + 0.5f;
    t = t * std::min(std::max(gate, 0.0f), 1.0f);
  }
  if (g.output.activation.fn == static_cast<int32_t>(UnaryFn::sqrt)) t = std::sqrt(t);
  t = t * g.output.scale;
  if (g.output.dtype == static_cast<int32_t>(DType::f32)) return t;
  const float low = static_cast<float>(g.output.low - g.output.zero);
  const float high = static_cast<float>(g.output.high - g.output.zero);
  t = std::isnan(t) ? low : std::min(std::max(t, low), high);
  return std::nearbyintf(t) + static_cast<float>(g.output.zero);
}

template <typename T>
void compare(const char* kernel, const BinaryInt& g, const T* y) {
  for (size_t r = 0; r < g.rows; ++r)
    for (size_t j = 0; j < g.columns; ++j) {
      const uint8_t a = g.a.data[r * g.a.row + j * g.a.column];
      const uint8_t b = g.b.data[r * g.b.row + j * g.b.column];
      const T found = y[r * g.columns + j], wanted = static_cast<T>(expected(g, a, b));
      if (std::memcmp(&found, &wanted, sizeof found) == 0) continue;
      CHECK(false,
            "%s fn=%d shifted=%d %zux%zu activation=%d at %zu, %zu: %d and %d give %g, expected %g",
            kernel, static_cast<int>(g.fn), g.shifted, g.rows, g.columns, g.output.activation.fn, r,
            j, a, b, static_cast<double>(found), static_cast<double>(wanted));
      return;
    }
}

// As it is, and shifted.
template <typename T>
void run(BinaryInt g, Guard guard) {
  const auto run_all = [&](bool shifted, float shift) {
    g.shifted = shifted;
    g.shift = shift;
    for (const Kernel<BinaryInt>& kernel : test::kernels(&LevelKernels::binary_int)) {
      GuardedArray<T> y(g.rows * g.columns, guard);
      g.y = y.data();
      kernel.run(g);
      compare(kernel.name, g, y.data());
    }
  };
  run_all(false, 0.0f);
  run_all(true, 100.3f);
}

struct Scales {
  int32_t a_zero;
  float a;
  int32_t b_zero;
  float b;
};

constexpr Scales kScales[] = {
    {0, 0.4f, 0, 0.5f},   {128, 0.013f, 255, 1.1f}, {255, -0.2f, 1, 0.25f},
    {3, 0.0f, 9, 1e-40f}, {7, 0x1p40f, 9, 0x1p40f},  // no result fits an integer
};

// How an operand lies: with its own element everywhere, one row for all, or one element per row.
struct Repetition {
  bool rows, columns;
};

void check(size_t rows, size_t columns, const Repetition& in_a, const Repetition& in_b,
           const Scales& scales, Guard guard) {
  const auto extent = [&](const Repetition& r) {
    return (r.rows ? 1 : rows) * (r.columns ? 1 : columns);
  };
  GuardedArray<uint8_t> a(extent(in_a), guard), b(extent(in_b), guard);
  Random random(rows * columns);
  for (uint8_t& x : a) x = static_cast<uint8_t>(random.integer(0, 255));
  for (uint8_t& x : b) x = static_cast<uint8_t>(random.integer(0, 255));
  const auto operand = [&](const Repetition& r, const uint8_t* data, int32_t zero, float scale) {
    const size_t width = r.columns ? 1 : columns;
    return BinaryOperandInt{data, r.rows ? 0 : width, r.columns ? size_t{0} : 1, zero, scale};
  };
  for (BinaryFn fn : {BinaryFn::add, BinaryFn::mul}) {
    BinaryInt g = {fn,
                   false,
                   DType::u8,
                   rows,
                   columns,
                   operand(in_a, a.data(), scales.a_zero, scales.a),
                   operand(in_b, b.data(), scales.b_zero, scales.b),
                   0.0f,
                   nullptr,
                   output(DType::u8, UnaryFn::identity, 1.0f)};
    run<uint8_t>(g, guard);
    g.output = output(DType::u8, UnaryFn::hard_swish, 0.7f);
    run<uint8_t>(g, guard);
    g.output = output(DType::f32, UnaryFn::identity, 0.5f);
    run<float>(g, guard);
  }
}

TEST(binary_int_every_repetition_and_tail) {
  const Repetition kinds[] = {{false, false}, {true, false}, {false, true}, {true, true}};
  for (const Repetition& in_a : kinds)
    for (const Repetition& in_b : kinds)
      for (size_t columns : {1, 3, 8, 15, 16, 21, 37, 64, 100})
        for (Guard guard : {Guard::kFront, Guard::kBack})
          if (!in_a.columns || !in_b.columns)  // rows of one element are columns
            check(3, columns, in_a, in_b, kScales[1], guard);
}

TEST(binary_int_scales) {
  for (const Scales& scales : kScales)
    check(1, 5000, {false, false}, {false, false}, scales, Guard::kBack);
}

// Several rows at once: sizes around those that are combined.
TEST(binary_int_many_rows_with_one) {
  for (size_t columns : {1, 5, 24, 72, 960, 1024, 1025, 2048, 2049})
    for (size_t rows : {1, 2, 7, 150})
      for (bool first : {false, true})
        check(rows, columns, {first, false}, {!first, false}, kScales[0], Guard::kBack);
}

// All pairs of bytes.
TEST(binary_int_every_pair) {
  GuardedArray<uint8_t> a(256), b(256);
  for (int i = 0; i < 256; ++i) a[i] = b[i] = static_cast<uint8_t>(i);
  for (const Scales& s : kScales)
    for (BinaryFn fn : {BinaryFn::add, BinaryFn::mul}) {
      BinaryInt g = {fn,
                     false,
                     DType::u8,
                     256,
                     256,
                     {a.data(), 1, 0, s.a_zero, s.a},
                     {b.data(), 0, 1, s.b_zero, s.b},
                     0.0f,
                     nullptr,
                     {}};
      g.output = output(DType::u8, UnaryFn::identity, 1.0f);
      run<uint8_t>(g, Guard::kBack);
      g.output = output(DType::u8, UnaryFn::sqrt, 3.0f);  // of negative sums: no number
      run<uint8_t>(g, Guard::kBack);
    }
}

TEST(binary_int_in_place) {
  constexpr size_t kRows = 4, kColumns = 53;
  for (const Kernel<BinaryInt>& kernel : test::kernels(&LevelKernels::binary_int))
    for (bool over_b : {false, true}) {
      GuardedArray<uint8_t> a(kRows * kColumns), b(kRows * kColumns), y(kRows * kColumns);
      Random random(3);
      for (uint8_t& x : a) x = static_cast<uint8_t>(random.bits());
      for (uint8_t& x : b) x = static_cast<uint8_t>(random.bits());
      BinaryInt g = {BinaryFn::add,
                     false,
                     DType::u8,
                     1,
                     kRows * kColumns,
                     {a.data(), 0, 1, 1, 0.5f},
                     {b.data(), 0, 1, 2, 0.5f},
                     0.0f,
                     y.data(),
                     output(DType::u8, UnaryFn::identity, 1.0f)};
      kernel.run(g);
      g.y = over_b ? b.data() : a.data();
      kernel.run(g);
      CHECK(std::memcmp(g.y, y.data(), y.size()) == 0, "%s", kernel.name);
    }
}

// Operands of 16 bits, whose zero points are 0.
template <typename T>
void check_i16(BinaryInt g, const Requantize& output) {
  g.output = output;
  for (const Kernel<BinaryInt>& kernel : test::kernels(&LevelKernels::binary_int)) {
    GuardedArray<T> y(g.rows * g.columns);
    g.y = y.data();
    kernel.run(g);
    for (size_t at = 0; at < y.size(); ++at) {
      const size_t r = at / g.columns, j = at % g.columns;
      const int a = reinterpret_cast<const int16_t*>(g.a.data)[r * g.a.row + j * g.a.column];
      const int b = reinterpret_cast<const int16_t*>(g.b.data)[r * g.b.row + j * g.b.column];
      CHECK(y[at] == static_cast<T>(expected(g, a, b)), "%s fn=%d columns=%zu: %d and %d give %g",
            kernel.name, static_cast<int>(g.fn), g.columns, a, b, static_cast<double>(y[at]));
    }
  }
}

TEST(binary_int_of_16_bits) {
  constexpr size_t kRows = 3;
  Random random(4);
  for (size_t columns : {1, 3, 8, 16, 21, 100})
    for (bool repeats : {false, true}) {
      GuardedArray<int16_t> a(kRows * columns), b(repeats ? kRows : columns);
      for (int16_t& x : a) x = static_cast<int16_t>(random.bits());
      for (int16_t& x : b) x = static_cast<int16_t>(random.bits());
      a[0] = b[0] = INT16_MIN;
      for (BinaryFn fn : {BinaryFn::add, BinaryFn::mul}) {
        const auto bytes = [](auto& x) { return reinterpret_cast<const uint8_t*>(x.data()); };
        const float scale = fn == BinaryFn::add ? 0.7f : 0.005f;
        const BinaryInt g = {fn,
                             false,
                             DType::i16,
                             kRows,
                             columns,
                             {bytes(a), columns, 1, 0, scale},
                             {bytes(b), repeats ? size_t{1} : 0, repeats ? size_t{0} : 1, 0, scale},
                             0.0f,
                             nullptr,
                             {}};
        check_i16<int16_t>(g, {static_cast<int32_t>(DType::i16), {}, 1.0f, 0, -32000, 32767});
        check_i16<uint8_t>(g, output(DType::u8, UnaryFn::hard_swish, 0.01f));
        check_i16<float>(g, output(DType::f32, UnaryFn::identity, 0.5f));
      }
    }
}

}  // namespace
}  // namespace edgert
