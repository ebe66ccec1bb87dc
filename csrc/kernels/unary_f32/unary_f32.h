// y[i] = f(x[i]) in float32.
//
// x and y may be the same array. Any alignment. With fused multiply-add the bits do not depend on
// the instruction set, nor on where an element lies in the array.
#pragma once

#include <cstddef>

#include "schema/attrs.h"

namespace edgert {

struct UnaryF32 {
  size_t n;
  const float* x;
  float* y;
  Activation function;
};

}  // namespace edgert
