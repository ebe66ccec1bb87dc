// What can be said of weights: which of them meet, how far they fit into sums of 16 bits, what they
// add up to. Kernels rely on it; the converter chooses weights by it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <vector>

#include "weights/fit.h"
#include "weights/panels.h"

namespace edgert {

// Which weights of an output meet in a sum of 16 bits: [sums][sum_members(fit)], places in its
// depth, or -1 for none. The depth consists of `rows` of `taps` that kernels read as one segment,
// of `channels` each.
std::vector<int64_t> meeting(WeightFit fit, size_t rows, size_t taps, size_t channels);

// All that can be said of weights in this form alone; of most forms nothing. Reads them several
// times.
WeightFacts facts_of(Form form, DType dtype, const WeightShape& shape, const std::byte* stored);

// The same as TensorRecord::facts has it, for files to claim: of k4n16 2 bits for the fit within
// taps, then 2 for that within rows; of k2n16 the chunk, 0 being 1; of sparse forms 2 bits for the
// fit, then the number of blocks, without which the payload has no size. Nothing if it cannot be
// claimed of weights of this form and type.
uint32_t encode_facts(Form form, const WeightFacts& facts);
std::optional<WeightFacts> decode_facts(Form form, DType dtype, uint32_t claimed);

// Whether what is claimed is so, of payloads that keep the rules of their form. Reads the weights
// once for each fact.
bool facts_hold(const WeightFacts& facts, Form form, DType dtype, const WeightShape& shape,
                const std::byte* stored);

// The sum of the weights of each output, modulo 2^32.
std::vector<int32_t> column_sums(const Panels<K4N16>& panels, const int8_t* weights);

// Whether 32 bits hold the sum of products of i16 with the weights of any output, and its bias,
// whatever the inputs are. `places` is Kn or Panels.
template <typename Places>
bool sums_have_32_bits(const Places& places, const int16_t* weights, const int32_t* bias) {
  std::vector<int64_t> magnitudes(places.outputs());
  places.for_runs([&](size_t output, size_t, size_t place, size_t n) {
    for (size_t i = 0; i < n; ++i) magnitudes[output] += std::abs(int32_t{weights[place + i]});
  });
  for (size_t o = 0; o < magnitudes.size(); ++o)
    if (32768 * magnitudes[o] + std::abs(int64_t{bias[o]}) > INT32_MAX) return false;
  return true;
}

}  // namespace edgert
