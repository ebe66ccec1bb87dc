// What can be said of weights: which of them meet, how far they fit into short sums, what they add
// up to. Kernels rely on it; the converter chooses weights by it.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "weights/fit.h"
#include "weights/panels.h"

namespace edgert {

// Which weights of an output meet in a sum of 16 bits: [sums][sum_members(fit)], places in its
// depth, or -1 for none. The depth consists of `rows` of `taps` that kernels read as one segment,
// of `channels` each.
std::vector<int64_t> meeting(WeightFit fit, size_t rows, size_t taps, size_t channels);

// How weights fit if so many steps of a panel are one segment. Reads them all.
WeightFit fit_of(const Panels<K4N16>& panels, const int8_t* weights, size_t segment_steps);

// The sum of the weights of each output, modulo 2^32.
std::vector<int32_t> column_sums(const Panels<K4N16>& panels, const int8_t* weights);

// The most steps, in parts of nearly equal length, of which any that follow each other keep
// kMaxWeights for every output; at least 1.
size_t longest_chunk(const Panels<K2N16>& panels, const int16_t* weights);

// Whether 32 bits hold the sum of products of i16 with the weights of any output, and its bias,
// whatever the inputs are. `form` is Kn or Panels.
template <typename Form>
bool sums_have_32_bits(const Form& form, const int16_t* weights, const int32_t* bias) {
  std::vector<int64_t> magnitudes(form.outputs());
  form.for_runs([&](size_t output, size_t, size_t place, size_t n) {
    for (size_t i = 0; i < n; ++i) magnitudes[output] += std::abs(int32_t{weights[place + i]});
  });
  for (size_t o = 0; o < magnitudes.size(); ++o)
    if (32768 * magnitudes[o] + std::abs(int64_t{bias[o]}) > INT32_MAX) return false;
  return true;
}

}  // namespace edgert
