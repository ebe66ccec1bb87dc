// Floats of 16 bits: their bits, to and from floats, without instructions that not every CPU has.
#pragma once

#include <cstdint>
#include <cstring>

namespace edgert {

struct Half {
  uint16_t bits;
};

inline float to_float(Half half) {
  uint32_t bits = (half.bits & 0x7fffu) << 13;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  value *= 0x1p112f;  // what the exponents are off; exact, for subnormal numbers too
  std::memcpy(&bits, &value, sizeof bits);
  if ((half.bits & 0x7c00u) == 0x7c00u) bits |= 0x7f800000u;  // infinite, or not a number
  bits |= (half.bits & 0x8000u) << 16;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// Half to even; from 65520 on infinite.
inline Half to_half(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const uint32_t sign = bits >> 16 & 0x8000u;
  bits &= 0x7fffffffu;
  uint32_t half;
  if (bits >= 0x47800000u) {  // 2^16
    half = bits > 0x7f800000u ? 0x7e00u : 0x7c00u;
  } else if (bits < 0x38800000u) {  // 2^-14: floats from 1/2 to 1 have the steps of such halves
    float rounded;
    std::memcpy(&rounded, &bits, sizeof rounded);
    rounded += 0.5f;
    std::memcpy(&bits, &rounded, sizeof bits);
    half = bits - 0x3f000000u;
  } else {
    half = (bits - 0x38000000u + 0xfffu + (bits >> 13 & 1u)) >> 13;
  }
  return {static_cast<uint16_t>(half | sign)};
}

// Rounded once: the float between has an odd last bit wherever it is not exact.
inline Half to_half(double value) {
  float between = static_cast<float>(value);
  const double back = between;
  if (back != value && value == value) {
    uint32_t bits;
    std::memcpy(&bits, &between, sizeof bits);
    if ((back < 0 ? -back : back) > (value < 0 ? -value : value)) --bits;
    bits |= 1;
    std::memcpy(&between, &bits, sizeof between);
  }
  return to_half(between);
}

}  // namespace edgert
