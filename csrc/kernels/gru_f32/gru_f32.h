// The ends of a step of a GRU in float32. A row of `gates` has what the update gate z, the reset
// gate r and the candidate see.
//
//   z = f(clamp(gates[0])), r = f(clamp(gates[1]))
//   n = k(clamp(gates[2])), or k(clamp(input[2] + r * gates[2]))
//   h = (1 - z) * n + z * h
//
// in this order, the last product of a sum added with one multiply-add. clamp() is to -clip ..
// clip. Any alignment; no array overlaps another. With fused multiply-add the bits do not depend on
// the instruction set, nor on how rows are split.
#pragma once

#include <cstddef>

#include "schema/attrs.h"
#include "schema/enums.h"

namespace edgert {

struct GruF32 {
  size_t rows, units;
  const float* gates;  // rows x 3 x units, contiguous
  const float* input;  // the same, if the reset gate comes behind the product; null otherwise
  float* h;            // rows x units, the old state in, the new one out
  // Not null: all that is computed is r * h, which goes here, rows x units; gates[2] need not be
  // there yet.
  float* reset;
  float clip;                  // infinity: none
  Activation gate, candidate;  // the functions f and k
};

}  // namespace edgert
