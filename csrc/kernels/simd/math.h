// Elementary functions on vectors, and sums in a fixed order. Included by kernel files after the
// vector types of their instruction set; everything is local to the file.
//
// The polynomials are minimax fits of our own. With fused multiply-add the bits of a result do not
// depend on the instruction set. tests/kernels/unary_f32_test.cpp states the error of each
// function.
#pragma once

namespace edgert {
namespace {

inline F32 constant(float x) { return F32::broadcast(x); }
inline I32 constant_u8(int32_t x) {  // 0 .. 255, in every byte
  return I32::broadcast(static_cast<int32_t>(static_cast<uint32_t>(x) * 0x01010101u));
}

// The first n (1 .. kLanes) elements, and zeros; a plain load or store where n is known to be
// kLanes.
inline F32 load_first(const float* p, int n) {
  return n == F32::kLanes ? F32::load(p) : F32::load(p, n);
}
inline I32 load_first(const int32_t* p, int n) {
  if (n == F32::kLanes) return I32::load(p);
  int32_t some[F32::kLanes] = {};
  for (int i = 0; i < n; ++i) some[i] = p[i];
  return I32::load(some);
}
inline I32 load_u8_first(const uint8_t* p, int n) {
  return n == F32::kLanes ? load_u8(p) : load_u8(p, n);
}
inline I32 load_i16_first(const int16_t* p, int n) {
  return n == F32::kLanes ? load_i16(p) : load_i16(p, n);
}
inline void store_first(float* p, int n, F32 x) { n == F32::kLanes ? x.store(p) : x.store(p, n); }

// c[0] + c[1] x + ...
template <int n>
inline F32 polynomial(F32 x, const float (&c)[n]) {
  F32 y = constant(c[n - 1]);
#pragma GCC unroll 16
  for (int i = n - 2; i >= 0; --i) y = fma(y, x, constant(c[i]));
  return y;
}

inline F32 sign_bit(F32 x) { return from_bits(bits(x) & I32::broadcast(INT32_MIN)); }
inline F32 abs(F32 x) { return from_bits(bits(x) & I32::broadcast(INT32_MAX)); }
inline F32 operator-(F32 x) { return from_bits(bits(x) ^ I32::broadcast(INT32_MIN)); }
// `magnitude`, not negative, with the sign of `sign`.
inline F32 copy_sign(F32 magnitude, F32 sign) {
  return from_bits(bits(magnitude) | bits(sign_bit(sign)));
}

// NaN if either is: what ONNX asks of Max, Min and their reductions.
inline F32 max_or_nan(F32 a, F32 b) { return select(is_nan(a), a, max(a, b)); }
inline F32 min_or_nan(F32 a, F32 b) { return select(is_nan(a), a, min(a, b)); }

struct Add {
  F32 operator()(F32 a, F32 b) const { return a + b; }
};
struct Multiply {
  F32 operator()(F32 a, F32 b) const { return a * b; }
};
struct Max {
  F32 operator()(F32 a, F32 b) const { return max_or_nan(a, b); }
};
struct Min {
  F32 operator()(F32 a, F32 b) const { return min_or_nan(a, b); }
};

// Combines count elements into one, in an order that does not depend on the width of vectors: 32
// partial results, the i-th of the elements i, i + 32, ...; then the halves of these are combined,
// and again, until one is left. value(j, n) gives the elements j .. j + n - 1; op(x, neutral) is x.
template <typename Op, typename Value>
inline float fold_row(size_t count, float neutral, Op op, Value value) {
  constexpr int kLanes = F32::kLanes, kVectors = 32 / kLanes;
  F32 part[kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) part[v] = constant(neutral);
  size_t j = 0;
  for (; j + 32 <= count; j += 32)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) part[v] = op(part[v], value(j + v * kLanes, kLanes));
  for (int v = 0; j < count; ++v, j += kLanes) {
    const int n = static_cast<int>(count - j < kLanes ? count - j : kLanes);
    part[v] = op(part[v], select(F32::first_lanes(n), value(j, n), constant(neutral)));
  }
#pragma GCC unroll 8
  for (int half = kVectors / 2; half > 0; half /= 2)
#pragma GCC unroll 8
    for (int v = 0; v < half; ++v) part[v] = op(part[v], part[v + half]);
  F32 x = part[0];
  if constexpr (kLanes > 8) x = op(x, exchange<8>(x));
  if constexpr (kLanes > 4) x = op(x, exchange<4>(x));
  x = op(x, exchange<2>(x));
  return op(x, exchange<1>(x)).first();
}

constexpr float kLn2High = 0x1.62e4p-1f;  // 15 bits: exact times any exponent
constexpr float kLn2Low = 0x1.7f7d1cp-20f;

// x = n ln 2 + r, |r| <= ln 2 / 2, for |x| < 2^20; fraction = exp(r) - 1.
struct ReducedExp {
  I32 n;
  F32 fraction;
};
inline ReducedExp reduce_exp(F32 x) {
  const F32 shift = constant(0x1.8p23f);  // leaves an integer in the low bits
  const F32 shifted = fma(x, constant(0x1.715476p0f), shift);
  const F32 n = shifted - shift;
  F32 r = fma(n, constant(-kLn2High), x);
  r = fma(n, constant(-kLn2Low), r);
  const F32 q = polynomial(r, {0x1p-1f, 0x1.555554p-3f, 0x1.5554aap-5f, 0x1.11118ep-7f,
                               0x1.6d78d8p-10f, 0x1.a0332ep-13f});
  return {bits(shifted) - bits(shift), fma(q, r * r, r)};
}

// 2^n for n in -126 .. 127.
inline F32 power_of_2(I32 n) { return from_bits(shift_left<23>(n + I32::broadcast(127))); }

// exp(min(max(x, low), 89)), low >= -104; exp(89) is infinite.
inline F32 exp_from(float low, F32 x) {
  const ReducedExp e = reduce_exp(min(constant(89.0f), max(constant(low), x)));
  const I32 half = shift_right<1>(e.n);  // two steps: 2^n itself may overflow or be subnormal
  return (constant(1.0f) + e.fraction) * power_of_2(half) * power_of_2(e.n - half);
}
inline F32 exp(F32 x) { return exp_from(-104.0f, x); }
// For sums with terms that make less than exp(-87) vanish: many CPUs are slow at subnormal results.
inline F32 exp_normal(F32 x) { return exp_from(-87.0f, x); }

// exp(x) - 1 for x <= 0, accurate near 0.
inline F32 expm1_negative(F32 x) {
  x = max(constant(-64.0f), x);
  const ReducedExp e = reduce_exp(x);
  const F32 scale = power_of_2(e.n);
  return fma(scale, e.fraction, scale - constant(1.0f));
}

// n ln 2 + log(1 + f) for f in sqrt(1/2) - 1 .. sqrt(2) - 1.
inline F32 log_reduced(F32 n, F32 f) {
  const F32 p = polynomial(
      f, {0x1.555546p-2f, -0x1.ffffecp-3f, 0x1.99a5aep-3f, -0x1.556368p-3f, 0x1.232a18p-3f,
          -0x1.fb25dcp-4f, 0x1.e6bd74p-4f, -0x1.e3cc30p-4f, 0x1.1b53c2p-4f});
  const F32 square = f * f;
  F32 y = fma(square * f, p, n * constant(kLn2Low));
  y = fma(square, constant(-0.5f), y);
  return fma(n, constant(kLn2High), f + y);
}

inline F32 log(F32 x) {
  const F32 one = constant(1.0f), infinity = constant(__builtin_inff());
  const Mask subnormal = x < constant(0x1p-126f);
  const F32 normal = select(subnormal, x * constant(0x1p23f), x);
  const I32 offset = bits(constant(0x1.6a09e6p-1f));  // sqrt(1/2)
  const I32 exponent = shift_right<23>(bits(normal) - offset);
  const F32 mantissa = from_bits(bits(normal) - shift_left<23>(exponent));
  const F32 n = to_f32(exponent) - select(subnormal, constant(23.0f), F32::zero());
  F32 y = log_reduced(n, mantissa - one);
  y = select(x < infinity, y, x);  // infinity and NaN
  y = select(x == F32::zero(), -infinity, y);
  return select(x < F32::zero(), constant(__builtin_nanf("")), y);
}

// log(1 + x) for x in 0 .. 1, accurate near 0.
inline F32 log1p_unit(F32 x) {
  const F32 one = constant(1.0f), half = constant(0.5f);
  const Mask upper = constant(0x1.a8279ap-2f) < x;  // sqrt(2) - 1
  return log_reduced(select(upper, one, F32::zero()), select(upper, fma(x, half, -half), x));
}

inline F32 sigmoid(F32 x) { return constant(1.0f) / (constant(1.0f) + exp_normal(-x)); }

// With e = exp(-2 |x|) - 1: tanh |x| = -e / (2 + e).
inline F32 tanh(F32 x) {
  const F32 e = expm1_negative(abs(x) * constant(-2.0f));
  return copy_sign(abs(e / (constant(2.0f) + e)), x);
}

inline F32 erf(F32 x) {
  const F32 a = abs(x);
  const F32 small =
      fma(a,
          polynomial(a * a, {0x1.06ebap-3f, -0x1.81273ep-2f, 0x1.ce2cf8p-4f, -0x1.b7f90ep-6f,
                             0x1.5405b2p-8f, -0x1.a3f7p-11f, 0x1.496a3p-14f}),
          a);
  // -log(erfc(a)); erf(3.95) rounds to 1.
  const F32 tail = polynomial(min(constant(3.95f), a),
                              {0x1.661d94p-12f, 0x1.2088eap0f, 0x1.46baecp-1f, 0x1.a65340p-4f,
                               -0x1.65cb74p-6f, 0x1.825af2p-9f, -0x1.86dd7cp-13f});
  const F32 one = constant(1.0f);
  return copy_sign(select(a < one, small, one - exp(-tail)), x);
}

inline F32 softplus(F32 x) { return max(F32::zero(), x) + log1p_unit(exp(-abs(x))); }

}  // namespace
}  // namespace edgert
