// y[i] = f(x[i]) in float32.
//
// x and y may be the same array. Any alignment. With fused multiply-add the bits do not depend on
// the instruction set, nor on where an element lies in the array.
#pragma once

#include <cstddef>

#include "kernels/kernel.h"
#include "schema/attrs.h"

namespace edgert {

struct UnaryF32 {
  size_t n;
  const float* x;
  float* y;
  Activation function;
};

using UnaryF32Kernel = Kernel<UnaryF32>;

#define KERNEL(symbol, isa) void symbol(const UnaryF32&);
#include "kernels/unary_f32/kernels.inc"

const UnaryF32Kernel& select_unary_f32(IsaSet isa);

}  // namespace edgert
