// What the tests of matrix products share: matrices whose rows lie apart.
#pragma once

#include <cstring>
#include <string>

#include "harness.h"

namespace edgert::test {

// Elements from the first of a matrix to its last.
inline size_t span(size_t rows, size_t columns, size_t stride) {
  return rows == 0 || columns == 0 ? 0 : (rows - 1) * stride + columns;
}

// Whether c, a fresh array before, holds expected(i, j) in its columns and nothing between the
// rows.
template <typename T, typename Expected>
void check_matrix(GuardedArray<T>& c, size_t columns, size_t stride, const std::string& what,
                  Expected expected) {
  for (size_t at = 0; at < c.size(); ++at) {
    const size_t i = at / stride, j = at % stride;
    if (j >= columns) {
      CHECK(std::memcmp(&c[at], "\xff\xff\xff\xff", sizeof(T)) == 0, "%s wrote between the rows",
            what.c_str());
      continue;
    }
    const T wanted = static_cast<T>(expected(i, j));
    if (c[at] == wanted) continue;
    CHECK(false, "%s at %zu, %zu: %g, expected %g", what.c_str(), i, j, static_cast<double>(c[at]),
          static_cast<double>(wanted));
    return;
  }
}

}  // namespace edgert::test
