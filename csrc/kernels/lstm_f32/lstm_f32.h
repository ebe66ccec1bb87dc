// The end of a step of an LSTM in float32, with the four gates of a row fused.
//
//   i = f(clamp(gates[0] + p[0] * c))      g = k(clamp(gates[3]))
//   n = f(clamp(gates[2] + p[2] * c)), or 1 - i
//   c = n * c + i * g                      o = f(clamp(gates[1] + p[1] * c))
//   h = o * m(c)
//
// in this order, products added with one multiply-add; c in o is the new one. clamp() is to -clip
// .. clip. Any alignment; no array overlaps another. With fused multiply-add the bits do not depend
// on the instruction set, nor on how rows are split.
#pragma once

#include <cstddef>

#include "schema/attrs.h"
#include "schema/enums.h"

namespace edgert {

struct LstmF32 {
  size_t rows, units;
  const float* gates;             // rows x 4 x units, contiguous
  const float* peephole;          // p, 3 x units, or null: 0
  float* c;                       // rows x units, the old state in, the new one out
  float* h;                       // rows x units
  float clip;                     // infinity: none
  bool input_forget;              // n = 1 - i
  Activation gate, cell, hidden;  // the functions f, k and m
};

}  // namespace edgert
