// Reading operands of elementwise kernels (kernels/records/operand.h). Included after the vector
// types and math.h; everything is local to the file.
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgert {
namespace {

// Elements j .. j + n - 1 of a row, or n copies of its only one.
template <bool repeats>
inline F32 operand(const float* row, size_t j, int n) {
  return repeats ? F32::broadcast(row) : load_first(row + j, n);
}
template <bool repeats>
inline I32 operand(const uint8_t* row, size_t j, int n) {
  return repeats ? I32::broadcast(*row) : load_u8_first(row + j, n);
}

}  // namespace
}  // namespace edgert
