// The scalar functions of schema/functions.def on vectors. Included by kernel files after the vector
// type F32 of their instruction set; everything is local to the file.
#pragma once

#include "schema/enums.h"

namespace edgert {
namespace {

inline F32 apply(UnaryFn fn, F32 x, F32 alpha, F32 beta) {
  const F32 zero = F32::zero();
  switch (fn) {
    case UnaryFn::relu:
      return max(x, zero);
    case UnaryFn::clip:
      return min(max(x, alpha), beta);
    default:
      return x;
  }
}

}  // namespace
}  // namespace edgert
