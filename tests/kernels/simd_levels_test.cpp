// Runs simd_test.cpp of every level that this machine has.
#include <algorithm>
#include <limits>

#include "harness.h"
#include "simd_test.h"

namespace edgert::test {

#define SIMD_LEVEL(level)                       \
  void simd_test_##level(const SimdInputs& in); \
  void simd_test_round_twice_##level(const SimdInputs& in);
EDGERT_SIMD_LEVELS
#undef SIMD_LEVEL

void simd_failed(const char* level, const char* function, size_t at, uint32_t found,
                 uint32_t expected) {
  fail("simd_test.cpp", 0,
       format("%s: %s at %zu: %08x, expected %08x", level, function, at, found, expected));
}

namespace {

// Pairs of these, then random numbers.
std::vector<float> edges() {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> list = {kNan};
  for (float x : {0.0f,
                  0x1p-149f,
                  0x1.fffffcp-127f,
                  0x1p-126f,
                  0x1.fffffep-2f,
                  0.5f,
                  0x1p0f - 0x1p-24f,
                  1.0f,
                  0x1.000002p0f,
                  1.5f,
                  2.5f,
                  3.1415927f,
                  0x1.fffffep21f,
                  0x1.fffffep22f,
                  0x1p23f,
                  0x1.000002p23f,
                  0x1p24f,
                  0x1p30f,
                  0x1.fffffep30f,
                  0x1p31f,
                  0x1p63f,
                  0x1p64f,
                  0x1.fffffep127f,
                  kInfinity}) {
    list.push_back(x);
    list.push_back(-x);
  }
  return list;
}

int32_t wrap(uint64_t x) { return static_cast<int32_t>(static_cast<uint32_t>(x)); }

float any_float(Random& random) {  // of any exponent, finite or not
  const uint32_t word = static_cast<uint32_t>(random.bits() >> 32);
  float x;
  std::memcpy(&x, &word, sizeof x);
  return x;
}

TEST(simd) {
  const std::vector<float> floats = edges();
  const std::vector<int32_t> integers = {
      0,         1,         -1,           2,       127,      128,        -128,       -129,
      255,       256,       -255,         -256,    32767,    32768,      -32768,     -32769,
      65535,     65536,     1 << 23,      1 << 24, 16777217, 0x00ff00ff, 0x7f80ff01, INT32_MAX - 1,
      INT32_MAX, INT32_MIN, INT32_MIN + 1};
  const size_t pairs = std::max(floats.size() * floats.size(), integers.size() * integers.size());
  const size_t count = (pairs + 4096 + 63) / 64 * 64;
  Random random(1);
  std::vector<float> a(count), b(count), c(count);
  std::vector<int32_t> i(count), j(count), table(256);
  std::vector<uint8_t> x(count), y(count);
  for (size_t n = 0; n < count; ++n) {
    const size_t of_floats = n / floats.size(), of_integers = n / integers.size();
    a[n] = of_floats < floats.size() ? floats[of_floats] : any_float(random);
    b[n] = of_floats < floats.size() ? floats[n % floats.size()] : any_float(random);
    c[n] = n % 2 ? floats[static_cast<size_t>(random.bits() % floats.size())] : any_float(random);
    // Sums that cancel, where rounding twice shows.
    if (n + 1024 > count) c[n] = -(a[n] * b[n]);
    i[n] = of_integers < integers.size() ? integers[of_integers] : wrap(random.bits());
    j[n] = of_integers < integers.size() ? integers[n % integers.size()] : wrap(random.bits());
    x[n] = static_cast<uint8_t>(n < 256 ? n : random.bits());
    y[n] = static_cast<uint8_t>(n < 256 ? 255 - n / 2 : random.bits());
  }
  for (int32_t& entry : table) entry = wrap(random.bits());
  GuardedArray<uint8_t> guarded(static_cast<size_t>(sysconf(_SC_PAGESIZE)));
  const SimdInputs in = {count,    a.data(), b.data(),     c.data(),       i.data(),      j.data(),
                         x.data(), y.data(), table.data(), guarded.data(), guarded.size()};
#define SIMD_LEVEL(level)              \
  if (can_run(Isa::level)) {           \
    simd_test_##level(in);             \
    simd_test_round_twice_##level(in); \
  }
  EDGERT_SIMD_LEVELS
#undef SIMD_LEVEL
}

}  // namespace
}  // namespace edgert::test
