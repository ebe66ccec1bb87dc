// Vectors of four floats in the compiler's own vector type: every architecture's baseline has them or
// the compiler splits them. Local to the file that includes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace edgert {
namespace {

struct F32 {
  static constexpr int kLanes = 4;
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
};

inline F32 operator+(F32 a, F32 b) { return {a.v + b.v}; }
inline F32 operator-(F32 a, F32 b) { return {a.v - b.v}; }
inline F32 operator*(F32 a, F32 b) { return {a.v * b.v}; }
inline F32 operator/(F32 a, F32 b) { return {a.v / b.v}; }
// a * b + c, rounded twice: the baseline of x86-64 has no fused multiply-add.
inline F32 fma(F32 a, F32 b, F32 c) { return {a.v * b.v + c.v}; }
// The second operand if either is NaN, as in `a > b ? a : b`.
inline F32 max(F32 a, F32 b) { return {a.v > b.v ? a.v : b.v}; }
inline F32 min(F32 a, F32 b) { return {a.v < b.v ? a.v : b.v}; }

}  // namespace
}  // namespace edgert
