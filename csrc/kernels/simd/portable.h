// Vectors of four floats in the compiler's own vector type: every architecture's baseline has them
// or the compiler splits them. Local to the file that includes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace edgert {
namespace {

struct Mask {  // all bits of a lane, or none
  typedef int32_t Vector __attribute__((vector_size(16)));
  Vector v;
};

struct I32 {
  typedef uint32_t Vector __attribute__((vector_size(16)));  // unsigned: overflow is defined
  Vector v;
  static I32 zero() { return broadcast(0); }
  static I32 load(const int32_t* p) {
    I32 r;
    std::memcpy(&r.v, p, sizeof r.v);
    return r;
  }
  void store(int32_t* p) const { std::memcpy(p, &v, sizeof v); }
  static I32 broadcast(int32_t x) {
    const uint32_t u = static_cast<uint32_t>(x);
    return {Vector{u, u, u, u}};
  }
};

struct F32 {
  static constexpr int kLanes = 4;
  static constexpr bool kFused = false;  // accumulate() rounds twice
  typedef float Vector __attribute__((vector_size(16)));
  Vector v;

  static F32 zero() { return broadcast(0.0f); }
  static F32 broadcast(float x) { return {Vector{x, x, x, x}}; }
  static F32 broadcast(const float* p) { return broadcast(*p); }
  static F32 load(const float* p) {
    F32 r;
    std::memcpy(&r.v, p, sizeof r.v);
    return r;
  }
  // The first n (0 .. kLanes) elements; the other lanes are zero and their memory is not touched.
  static F32 load(const float* p, int n) {
    F32 r = zero();
    for (int i = 0; i < n; ++i) r.v[i] = p[i];
    return r;
  }
  void store(float* p) const { std::memcpy(p, &v, sizeof v); }
  void store(float* p, int n) const {
    for (int i = 0; i < n; ++i) p[i] = v[i];
  }
  float first() const { return v[0]; }
  // True for the first n (0 .. kLanes) lanes.
  static Mask first_lanes(int n) { return {Mask::Vector{0, 1, 2, 3} < Mask::Vector{n, n, n, n}}; }
};

inline F32 operator+(F32 a, F32 b) { return {a.v + b.v}; }
inline F32 operator-(F32 a, F32 b) { return {a.v - b.v}; }
inline F32 operator*(F32 a, F32 b) { return {a.v * b.v}; }
inline F32 operator/(F32 a, F32 b) { return {a.v / b.v}; }
// a * b + c, rounded twice: the baseline of x86-64 has no fused multiply-add.
inline F32 fma(F32 a, F32 b, F32 c) { return {a.v * b.v + c.v}; }
inline F32 accumulate(F32 c, F32 a, F32 b) { return fma(a, b, c); }
// a * b + c, rounded once, for finite operands: a double holds the product, and its sum with c has
// an odd last bit wherever it is not exact.
inline F32 fma_once(F32 a, F32 b, F32 c) {
  F32 r;
  for (int i = 0; i < F32::kLanes; ++i) {
    const double product = double{a.v[i]} * double{b.v[i]}, addend = c.v[i];
    double sum = product + addend;
    const double added = sum - product;
    const double error = (product - (sum - added)) + (addend - added);
    int64_t bits;
    std::memcpy(&bits, &sum, sizeof bits);
    if (error != 0 && bits % 2 == 0) bits += (error > 0) == (sum > 0) ? 1 : -1;
    std::memcpy(&sum, &bits, sizeof bits);
    r.v[i] = static_cast<float>(sum);
  }
  return r;
}
// The second operand if either is NaN, as in `a > b ? a : b`.
inline F32 max(F32 a, F32 b) { return {a.v > b.v ? a.v : b.v}; }
inline F32 min(F32 a, F32 b) { return {a.v < b.v ? a.v : b.v}; }
inline F32 sqrt(F32 a) {
  return {F32::Vector{__builtin_sqrtf(a.v[0]), __builtin_sqrtf(a.v[1]), __builtin_sqrtf(a.v[2]),
                      __builtin_sqrtf(a.v[3])}};
}

inline Mask operator<(F32 a, F32 b) { return {a.v < b.v}; }
inline Mask operator==(F32 a, F32 b) { return {a.v == b.v}; }
inline Mask is_nan(F32 a) { return {a.v != a.v}; }
inline F32 select(Mask m, F32 a, F32 b) { return {m.v ? a.v : b.v}; }

inline I32 operator+(I32 a, I32 b) { return {a.v + b.v}; }  // modulo 2^32
inline I32 operator-(I32 a, I32 b) { return {a.v - b.v}; }
inline I32 operator&(I32 a, I32 b) { return {a.v & b.v}; }
inline I32 operator|(I32 a, I32 b) { return {a.v | b.v}; }
inline I32 operator^(I32 a, I32 b) { return {a.v ^ b.v}; }
template <int kBits>
inline I32 shift_left(I32 a) {
  return {a.v << kBits};
}
template <int kBits>
inline I32 shift_right(I32 a) {  // the sign fills
  return {(I32::Vector)((Mask::Vector)a.v >> kBits)};
}
inline I32 bits(F32 a) { return {(I32::Vector)a.v}; }
inline F32 from_bits(I32 a) { return {(F32::Vector)a.v}; }
inline F32 to_f32(I32 a) { return {__builtin_convertvector((Mask::Vector)a.v, F32::Vector)}; }
inline I32 operator*(I32 a, I32 b) { return {a.v * b.v}; }
// Bytes, four per lane.
inline I32 load_bytes(const uint8_t* p) {
  I32 r;
  std::memcpy(&r.v, p, sizeof r.v);
  return r;
}
inline void store_bytes(uint8_t* p, I32 a) { std::memcpy(p, &a.v, sizeof a.v); }
inline I32 max_u8(I32 a, I32 b) {
  typedef uint8_t Bytes __attribute__((vector_size(16)));
  const Bytes x = (Bytes)a.v, y = (Bytes)b.v;
  return {(I32::Vector)(x > y ? x : y)};
}
// The floats 2^23 + byte, in an order that the instruction set prefers.
inline void widen_u8(I32 bytes, F32 (&v)[4]) {
  typedef uint8_t Four __attribute__((vector_size(4)));
  for (int i = 0; i < 4; ++i) {
    const uint32_t word = bytes.v[i];
    Four four;
    std::memcpy(&four, &word, 4);
    v[i] = from_bits({__builtin_convertvector(four, I32::Vector) | 0x4b000000u});
  }
}

// Bytes, one per lane.
inline I32 load_u8(const uint8_t* p, int n) {  // the first n; the other lanes are zero
  I32 r = I32::zero();
  for (int i = 0; i < n; ++i) r.v[i] = p[i];
  return r;
}
inline I32 load_u8(const uint8_t* p) { return load_u8(p, F32::kLanes); }
inline void store_u8(uint8_t* p, I32 a, int n) {  // lanes in 0 .. 255
  for (int i = 0; i < n; ++i) p[i] = static_cast<uint8_t>(a.v[i]);
}
inline void store_u8(uint8_t* p, I32 a) { store_u8(p, a, F32::kLanes); }

// Integers of 16 bits, one per lane.
inline I32 load_i16(const int16_t* p, int n) {  // the first n; the other lanes are zero
  I32 r = I32::zero();
  for (int i = 0; i < n; ++i) r.v[i] = static_cast<uint32_t>(int32_t{p[i]});
  return r;
}
inline I32 load_i16(const int16_t* p) { return load_i16(p, F32::kLanes); }
inline void store_i16(int16_t* p, I32 a, int n) {  // lanes in -2^15 .. 2^15 - 1
  for (int i = 0; i < n; ++i) p[i] = static_cast<int16_t>(a.v[i]);
}
inline void store_i16(int16_t* p, I32 a) { store_i16(p, a, F32::kLanes); }

// The entries of a table at a vector of bytes.
inline I32 gather(const int32_t* table, const uint8_t* x) {
  I32 entries;
  for (int i = 0; i < F32::kLanes; ++i) entries.v[i] = static_cast<uint32_t>(table[x[i]]);
  return entries;
}

// Sums of bytes and of their squares, spread over the lanes.
struct ByteMoments {
  I32 sums = I32::zero(), squares = I32::zero();
  __attribute__((noinline)) void add(I32 bytes) {  // long without vectors of bytes
    for (int i = 0; i < 4; ++i) {
      const I32 byte = bytes & I32::broadcast(255);
      sums = sums + byte;
      squares = squares + byte * byte;
      bytes = shift_right<8>(bytes);
    }
  }
};

// Half to even: adding 2^23 leaves no bit for a fraction.
inline F32 round(F32 a) {
  const I32 sign = bits(a) & I32::broadcast(INT32_MIN);
  const F32 limit = F32::broadcast(8388608.0f);
  const F32 magnitude = from_bits(bits(a) ^ sign);
  const F32 rounded = magnitude + limit - limit;
  return select(magnitude < limit, from_bits(bits(rounded) | sign), a);
}
inline F32 floor(F32 a) {
  const F32 r = round(a);
  return select(a < r, r - F32::broadcast(1.0f), r);
}
inline F32 ceil(F32 a) {
  const I32 sign = bits(a) & I32::broadcast(INT32_MIN);  // of a result of zero, too
  const F32 r = round(a);
  return from_bits(bits(select(r < a, r + F32::broadcast(1.0f), r)) | sign);
}

// Half to even, for |a| < 2^31.
inline I32 to_i32(F32 a) {
  const F32 rounded = round(a);
  return {(I32::Vector) __builtin_convertvector(rounded.v, Mask::Vector)};
}

// Four vectors of integers as bytes, vector after vector: clamp(lane + zero, low, high).
class Bytes4 {
 public:
  struct Range {
    Mask::Vector zero, low, high;
    Range(int32_t zero, int32_t low, int32_t high)
        : zero{zero, zero, zero, zero},
          low(Mask::Vector{low, low, low, low} - this->zero),
          high(Mask::Vector{high, high, high, high} - this->zero) {}
  };
  Bytes4(const I32 (&a)[4], const Range& range) {
    for (int i = 0; i < 4; ++i) {
      Mask::Vector x = (Mask::Vector)a[i].v;
      x = x < range.low ? range.low : x;
      x = (x > range.high ? range.high : x) + range.zero;
      for (int j = 0; j < 4; ++j) bytes_[4 * i + j] = static_cast<uint8_t>(x[j]);
    }
  }
  // The bytes in the order of widen_u8().
  static I32 shuffled(const I32 (&a)[4], const Range& range) { return Bytes4(a, range).bytes(); }
  I32 bytes() const { return load_bytes(bytes_); }
  void store_half(int i, uint8_t* p) const { std::memcpy(p, bytes_ + 8 * i, 8); }
  void store_quarter(int i, uint8_t* p) const { std::memcpy(p, bytes_ + 4 * i, 4); }
  void store_quarter(int i, uint8_t* p, int n) const {  // its first n (0 .. kLanes) lanes
    for (int j = 0; j < n; ++j) p[j] = bytes_[4 * i + j];
  }

 private:
  uint8_t bytes_[16];
};

// Lane i gets lane i ^ kDistance.
template <int kDistance>
inline F32 exchange(F32 a) {
  if constexpr (kDistance == 2) return {F32::Vector{a.v[2], a.v[3], a.v[0], a.v[1]}};
  return {F32::Vector{a.v[1], a.v[0], a.v[3], a.v[2]}};
}

// Lane j of vector i becomes lane i of vector j.
inline void transpose(F32 (&a)[4]) {
  F32 rows[4] = {a[0], a[1], a[2], a[3]};
  for (int i = 0; i < 4; ++i)
    a[i].v = F32::Vector{rows[0].v[i], rows[1].v[i], rows[2].v[i], rows[3].v[i]};
}

// To each lane of `sum` the products of its four unsigned bytes x with its four signed bytes w.
inline I32 dot(I32 sum, I32 x, I32 w) {
  const I32 byte = I32::broadcast(255);
  sum = sum + (x & byte) * shift_right<24>(shift_left<24>(w));
  sum = sum + (shift_right<8>(x) & byte) * shift_right<24>(shift_left<16>(w));
  sum = sum + (shift_right<16>(x) & byte) * shift_right<24>(shift_left<8>(w));
  return sum + (shift_right<24>(x) & byte) * shift_right<24>(w);
}

}  // namespace
}  // namespace edgert
