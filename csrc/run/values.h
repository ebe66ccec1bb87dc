// The elements of arrays as numbers.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "run/npy.h"

namespace edgert::run {

// Reproducible: normal floats, uint8 and int8 over their range, other integers 0 or 1, which are
// valid indices nearly everywhere. `state` goes on from array to array.
Bytes random_elements(const edgert_tensor& tensor, uint64_t& state);

struct Summary {
  double min = 0, mean = 0, max = 0;  // of what is finite
  size_t finite = 0, not_finite = 0;
  // (index, value) of the highest, if it is one row of scores, highest first.
  std::vector<std::pair<size_t, double>> top;
};

Summary summarize(const edgert_tensor& tensor, const Bytes& elements);

}  // namespace edgert::run
