// What the files simd_*.cpp share: plain declarations, since some of them are compiled with a
// level's instructions.
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgert::test {

struct SimdInputs {
  size_t count;  // of each of the arrays, a multiple of 64
  const float *a, *b, *c;
  const int32_t *i, *j;
  const uint8_t *x, *y;
  const int32_t* table;  // 256 entries
  uint8_t* guarded;      // between inaccessible pages
  size_t guarded_bytes;
};

// Words are bits of floats or of integers; `at` says which input it was, or how many elements.
void simd_failed(const char* level, const char* function, size_t at, uint32_t found,
                 uint32_t expected);

}  // namespace edgert::test
