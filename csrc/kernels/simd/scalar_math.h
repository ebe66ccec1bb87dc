// Functions that are computed lane by lane: in float64, with additions, multiplications and
// divisions only, or in integers, so that every instruction set has the same bits. Included after
// the vector types; everything is local to the file.
#pragma once

#include <cstdint>

namespace edgert {
namespace {

// x^y. Special cases as those of C.
inline float pow(float x, float y) {
  if (y == 0.0f || x == 1.0f) return 1.0f;
  if (x != x || y != y) return x + y;
  const float infinity = __builtin_inff();
  const float size = __builtin_fabsf(y);
  // From 2^24 on every float is even.
  const bool integer = size >= 0x1p24f || static_cast<float>(static_cast<int32_t>(y)) == y;
  const bool odd = integer && size < 0x1p24f && (static_cast<int32_t>(y) & 1);
  const bool negative = __builtin_signbit(x);
  const float a = __builtin_fabsf(x);
  if (a == 1.0f && size == infinity) return 1.0f;
  if (negative && !integer && a != 0.0f && a != infinity) return __builtin_nanf("");
  const float sign = negative && odd ? -1.0f : 1.0f;
  if (a == 0.0f || a == infinity || size == infinity)
    return sign * ((y > 0.0f) == (a > 1.0f) ? infinity : 0.0f);

  // log2(a) = n + log2(m), m in sqrt(1/2) .. sqrt(2); log m = 2 atanh((m - 1) / (m + 1)).
  int64_t word;
  double m = a;
  __builtin_memcpy(&word, &m, 8);
  const int64_t n = (word - 0x3fe6a09e667f3bcd) >> 52;
  word -= n * (int64_t{1} << 52);
  __builtin_memcpy(&m, &word, 8);
  const double s = (m - 1.0) / (m + 1.0), t = s * s;
  double series = 0.0;
#pragma GCC unroll 16
  for (int k = 17; k >= 1; k -= 2) series = series * t + 1.0 / k;
  const double product =
      y * (static_cast<double>(n) + s * series * 2.8853900817779268);  // 2 / ln 2
  if (product >= 129.0) return sign * infinity;
  if (product <= -151.0) return sign * 0.0f;
  const double whole = product + 0x1.8p52 - 0x1.8p52;
  const double r = (product - whole) * 0.69314718055994531;
  double e = 1.0;
#pragma GCC unroll 16
  for (int k = 11; k >= 1; --k) e = e * r * (1.0 / k) + 1.0;
  word = (static_cast<int64_t>(whole) + 1023) << 52;
  double scale;
  __builtin_memcpy(&scale, &word, 8);
  return sign * static_cast<float>(e * scale);
}

// x - y * n with the n towards zero, exactly, as fmod() of C: it has the sign of x.
inline float remainder(float x, float y) {
  uint32_t a, b;
  __builtin_memcpy(&a, &x, 4);
  __builtin_memcpy(&b, &y, 4);
  const uint32_t sign = a & 0x80000000u, infinity = 0x7f800000u;
  a ^= sign;
  b &= 0x7fffffffu;
  if (a >= infinity || b > infinity || b == 0) return __builtin_nanf("");
  if (a < b) return x;
  // Whole numbers times 2^-149 and 2^(exponent - 150).
  const auto exponent = [](uint32_t word) { return word < 0x800000u ? 1 : word >> 23; };
  const auto number = [](uint32_t word) {
    return word < 0x800000u ? word : (word & 0x7fffffu) | 0x800000u;
  };
  const uint64_t divisor = number(b);
  uint64_t rest = number(a) % divisor;
  for (uint32_t left = exponent(a) - exponent(b); left > 0;) {
    const uint32_t step = left < 40 ? left : 40;  // rest has at most 24 bits
    rest = (rest << step) % divisor;
    left -= step;
  }
  // As many powers of two down as divisor has: rest is exact in double, and the product in float.
  double scale;
  const uint64_t word = uint64_t{exponent(b) + 1023 - 150} << 52;
  __builtin_memcpy(&scale, &word, 8);
  const float result = static_cast<float>(static_cast<double>(rest) * scale);
  return sign ? -result : result;
}

// The quadrant that x lies in, modulo 4, and how far it is behind the middle of that:
// x = pi / 2 * (4 k + quadrant) + rest, abs(rest) <= pi / 4.
struct Quadrant {
  int64_t quadrant;
  double rest;
};
inline Quadrant reduce_angle(float x) {
  constexpr double kHalfPi = 0x1.921fb54442d18p0;
  if (__builtin_fabsf(x) < 0x1p19f) {
    // The first part of pi / 2 has 33 bits: exact times n.
    const double n = x * 0x1.45f306dc9c883p-1 + 0x1.8p52 - 0x1.8p52;
    return {static_cast<int64_t>(n), (x - n * 0x1.921fb544p0) - n * 0x1.0b4611a626331p-34};
  }
  // The binary digits of 2 / pi behind the point, of which those that are multiples of 4 once they
  // are multiplied by x do not matter, nor those that make less than 2^-60.
  constexpr uint32_t kDigits[] = {0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0,
                                  0xdb629599, 0x3c439041, 0xfe5163ab};
  uint32_t word;
  __builtin_memcpy(&word, &x, 4);
  const uint32_t mantissa = (word & 0x7fffffu) | 0x800000u;
  const uint32_t exponent = (word >> 23 & 0xff) - 150;  // x = mantissa * 2^exponent, wraps below 0
  const uint32_t first = exponent - 2 + 32;             // the digit, counted from 32 zeros in front
  const auto digits = [&](uint32_t from) {              // 32 of them
    const auto part = [&](uint32_t i) { return i == 0 ? 0 : uint64_t{kDigits[i - 1]}; };
    const uint32_t i = from / 32;
    return static_cast<uint32_t>((part(i) << 32 | part(i + 1)) << (from % 32) >> 32);
  };
  // In units of 2^-62 quadrants, modulo 4 of them.
  uint64_t turns = uint64_t{mantissa} * digits(first) << 32;
  turns += uint64_t{mantissa} * digits(first + 32);
  turns += uint64_t{mantissa} * digits(first + 64) >> 32;
  const uint64_t quadrant = (turns + (uint64_t{1} << 61)) >> 62;
  const double rest = static_cast<double>(static_cast<int64_t>(turns - (quadrant << 62))) * 0x1p-62;
  const bool negative = word >> 31;
  return {negative ? -static_cast<int64_t>(quadrant) : static_cast<int64_t>(quadrant),
          (negative ? -rest : rest) * kHalfPi};
}

// sin(x + quarters * pi / 2), within 0.5001 units in the last place for any x.
inline float sine(float x, int quarters) {
  if (!(__builtin_fabsf(x) < __builtin_inff())) return __builtin_nanf("");
  const Quadrant at = reduce_angle(x);
  const int64_t quadrant = at.quadrant + quarters;
  const double r = at.rest, square = r * r;
  const bool cosine = quadrant & 1;
  // Taylor's series, the first term left out being less than 2^-41.
  constexpr double kTerms[2][7] = {
      {1.0, -1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880, -1.0 / 39916800, 1.0 / 6227020800},
      {1.0, -1.0 / 2, 1.0 / 24, -1.0 / 720, 1.0 / 40320, -1.0 / 3628800, 1.0 / 479001600}};
  double y = kTerms[cosine][6];
#pragma GCC unroll 8
  for (int k = 5; k >= 0; --k) y = y * square + kTerms[cosine][k];
  if (!cosine) y *= r;
  if (y == 0.0) return x;  // the sine of a zero has its sign
  return static_cast<float>(quadrant & 2 ? -y : y);
}

// Each lane of the results of a function.
template <typename Function>
inline F32 each_lane(F32 x, const Function& function) {
  float a[F32::kLanes];
  x.store(a);
  for (int i = 0; i < F32::kLanes; ++i) a[i] = function(a[i]);
  return F32::load(a);
}
template <typename Function>
inline F32 each_lane(F32 x, F32 y, const Function& function) {
  float a[F32::kLanes], b[F32::kLanes];
  x.store(a);
  y.store(b);
  for (int i = 0; i < F32::kLanes; ++i) a[i] = function(a[i], b[i]);
  return F32::load(a);
}

inline F32 pow(F32 x, F32 y) {
  return each_lane(x, y, [](float a, float b) { return pow(a, b); });
}
inline F32 remainder(F32 x, F32 y) {
  return each_lane(x, y, [](float a, float b) { return remainder(a, b); });
}
inline F32 sin(F32 x) {
  return each_lane(x, [](float a) { return sine(a, 0); });
}
inline F32 cos(F32 x) {
  return each_lane(x, [](float a) { return sine(a, 1); });
}

}  // namespace
}  // namespace edgert
