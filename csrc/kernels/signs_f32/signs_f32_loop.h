// The loop of signs_f32, over what makes a byte of eight floats:
//
//   Octet(g)         for what g makes of zeros and NaN
//   octet(p)         the byte of p[0] ... p[7]
#pragma once

#include "kernels/signs_f32/signs_f32.h"

namespace edgert {
namespace {

template <typename Octet>
inline void signs(const SignsF32& g) {
  const Octet octet(g);
  const float* x = g.x;
  uint8_t* y = g.y;
  const size_t rest = g.columns % 8;
  for (size_t r = 0; r < g.rows; ++r) {
    for (size_t c = 0; c + 8 <= g.columns; c += 8, x += 8) *y++ = octet(x);
    if (rest == 0) continue;
    float last[8] = {};
    __builtin_memcpy(last, x, rest * sizeof(float));
    *y++ = static_cast<uint8_t>(octet(last) & ((1 << rest) - 1));
    x += rest;
  }
}

}  // namespace
}  // namespace edgert
