// y[i] = float(x[i] - zero) * scale, of u8, i8, i16 or i32; zero is 0 for the last two.
//
// All kernels give the same bits. Any alignment; x and y do not overlap. For bytes, zero is in the
// range of their type.
#pragma once

#include <cstddef>
#include <cstdint>

#include "schema/enums.h"

namespace edgert {

struct DequantizeF32 {
  size_t n;
  DType dtype;  // u8, i8, i16 or i32
  const void* x;
  float* y;
  float scale;
  int32_t zero;
};

}  // namespace edgert
