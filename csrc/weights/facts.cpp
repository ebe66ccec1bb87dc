#include "weights/facts.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "weights/packed/code_panels.h"
#include "weights/sparse/blocks.h"

namespace edgert {
namespace {

typedef int8_t Bytes __attribute__((vector_size(16)));
typedef uint8_t UnsignedBytes __attribute__((vector_size(16)));
typedef int16_t Words __attribute__((vector_size(16)));

Words greater(Words a, Words b) { return a > b ? a : b; }

template <typename Vector>
bool has_bits(Vector vector) {
  uint64_t lanes[2];
  std::memcpy(lanes, &vector, sizeof lanes);
  return (lanes[0] | lanes[1]) != 0;
}

Bytes load(const int8_t* weights) {
  Bytes bytes;
  std::memcpy(&bytes, weights, sizeof bytes);
  return bytes;
}

// Whether none of so many weights, whole vectors, is -128.
bool are_symmetric(const int8_t* weights, size_t count) {
  Bytes least = {};
  for (size_t i = 0; i < count; i += sizeof(Bytes)) least |= load(weights + i) == INT8_MIN;
  return !has_bits(least);
}

// The positive ones of each two neighbours among 16 weights added up, and the amounts of the
// negative ones.
struct SignSums {
  Words positive, negative;
};

SignSums sign_sums(Bytes bytes) {
  const Bytes negative = bytes & (bytes < 0);
  // The amount of -128 is 128 only if nothing takes its sign from it.
  const UnsignedBytes amounts = -(UnsignedBytes)negative;
  const Words high = (Words)(bytes - negative), low = (Words)amounts;
  return {(high & 0xFF) + (high >> 8 & 0xFF), (low & 0xFF) + (low >> 8 & 0xFF)};
}

// Whether no weight is -128, and none of these sums exceeds kMaxFit if each `added` steps of a
// segment are added as well.
// In vectors: the weights of a step are neighbours of neighbours, those of the next lie a step on.
template <size_t added>
bool sums_fit(const int8_t* weights, size_t steps, size_t segment_steps) {
  constexpr size_t kStep = K4N16::kStep;
  static_assert(sum_of(WeightFit::kQuads, 0) == sum_of(WeightFit::kQuads, K4N16::kDepth + 1));
  Bytes least = {};
  for (size_t i = 0, left = segment_steps; i < steps;) {  // left of the segment
    const size_t count = std::min(added, left);
    Words greatest = {};
    for (size_t j = 0; j < kStep; j += sizeof(Bytes)) {
      const Bytes bytes = load(weights + i * kStep + j);
      least |= bytes == INT8_MIN;
      SignSums sums = sign_sums(bytes);
      if (count == 2) {
        const Bytes others = load(weights + (i + 1) * kStep + j);
        least |= others == INT8_MIN;
        const SignSums more = sign_sums(others);
        sums = {sums.positive + more.positive, sums.negative + more.negative};
      }
      greatest = greater(greatest, greater(sums.positive, sums.negative));
    }
    if (has_bits(greatest > kMaxFit)) return false;
    i += count;
    left = left == count ? segment_steps : left - count;
  }
  return !has_bits(least);
}

// Whether weights fit so if this many steps of a panel are one segment.
bool fits(WeightFit fit, const Panels<K4N16>& panels, const int8_t* weights, size_t segment_steps) {
  const size_t steps = panels.count() * panels.steps();
  switch (fit) {
    case WeightFit::kAny:
      return true;
    case WeightFit::kSymmetric:
      return are_symmetric(weights, steps * K4N16::kStep);
    case WeightFit::kPairs:
      return sums_fit<1>(weights, steps, segment_steps);
    case WeightFit::kQuads:  // and the pairs in them
      return sums_fit<2>(weights, steps, segment_steps);
  }
  return false;
}

WeightFit best_fit(const Panels<K4N16>& panels, const int8_t* weights, size_t segment_steps) {
  for (WeightFit fit : {WeightFit::kQuads, WeightFit::kPairs, WeightFit::kSymmetric})
    if (fits(fit, panels, weights, segment_steps)) return fit;
  return WeightFit::kAny;
}

// Whether any so many steps that follow each other, in parts of that length, keep kMaxWeights for
// every output.
bool chunks_fit(const Panels<K2N16>& panels, const int16_t* weights, size_t chunk) {
  const size_t steps = panels.steps();
  for (size_t p = 0; p < panels.count(); ++p)
    for (size_t first = 0; first < steps; first += chunk) {
      const size_t last = std::min(first + chunk, steps);
      int32_t sums[K2N16::kStep] = {};  // no more than can be told from too much
      for (size_t s = first; s < last; ++s) {
        const int16_t* const w = weights + p * panels.panel_stride() + s * K2N16::kStep;
        for (size_t i = 0; i < K2N16::kStep; ++i)
          sums[i] = std::min(sums[i] + std::abs(int32_t{w[i]}), 1 << 17);
      }
      for (size_t i = 0; i < K2N16::kStep; i += K2N16::kDepth)
        if (sums[i] + sums[i + 1] > kMaxWeights) return false;
    }
  return true;
}

// The most steps, in parts of nearly equal length, of which that holds; at least 1.
size_t longest_chunk(const Panels<K2N16>& panels, const int16_t* weights) {
  const size_t steps = panels.steps();
  size_t parts = 1;
  while (parts < steps && !chunks_fit(panels, weights, ceil_div(steps, parts)))
    parts += parts / 4 + 1;
  return std::max<size_t>(1, ceil_div(steps, parts));
}

bool are_bytes_in_panels(Form form, DType dtype) {
  return form == Form::k4n16 && dtype == DType::i8;
}
bool are_words_in_panels(Form form, DType dtype) {
  return form == Form::k2n16 && dtype == DType::i16;
}

}  // namespace

std::vector<int64_t> meeting(WeightFit fit, size_t rows, size_t taps, size_t channels) {
  // Taps are filled up to whole sums, those of quads to whole steps, of which two make sums.
  const bool quads = fit == WeightFit::kQuads;
  const size_t tap = round_up(channels, quads ? K4N16::kDepth : sum_members(fit));
  const size_t row = round_up(taps * tap, quads ? 2 * K4N16::kDepth : 1);
  std::vector<int64_t> sums(rows * row, -1);
  int64_t place = 0;
  for (size_t r = 0; r < rows; ++r)
    for (size_t t = 0; t < taps; ++t)
      for (size_t c = 0; c < channels; ++c) {
        const size_t p = t * tap + c;
        sums[r * row + sum_of(fit, p) * sum_members(fit) + member_of(fit, p)] = place++;
      }
  return sums;
}

WeightFacts facts_of(Form form, DType dtype, const WeightShape& shape, const std::byte* stored) {
  WeightFacts facts;
  if (are_bytes_in_panels(form, dtype)) {
    const Panels<K4N16> panels(shape);
    const int8_t* const weights = reinterpret_cast<const int8_t*>(stored);
    const size_t tap = panels.tap_steps();
    facts.within_taps = best_fit(panels, weights, tap);
    // With an even number of steps no sum goes on in the next tap.
    facts.within_rows =
        tap % 2 == 0 ? facts.within_taps : best_fit(panels, weights, shape.row_taps * tap);
  } else if (are_words_in_panels(form, dtype)) {
    facts.chunk = static_cast<uint32_t>(
        longest_chunk(Panels<K2N16>(shape), reinterpret_cast<const int16_t*>(stored)));
  } else if (is_sparse(form)) {
    const Blocks blocks(form, shape, dtype);
    facts.blocks = static_cast<uint32_t>(blocks.stored_blocks(stored));
    facts.within_taps = facts.within_rows = blocks.best_fit(stored);
  } else if (is_packed(form) && CodePanels(form, shape, dtype).fits(stored)) {
    facts.within_taps = facts.within_rows = WeightFit::kQuads;
  }
  return facts;
}

uint32_t encode_facts(Form form, const WeightFacts& facts) {
  if (form == Form::k4n16)
    return static_cast<uint32_t>(facts.within_taps) | static_cast<uint32_t>(facts.within_rows) << 2;
  if (is_sparse(form)) return static_cast<uint32_t>(facts.within_taps) | facts.blocks << 2;
  if (is_packed(form)) return static_cast<uint32_t>(facts.within_taps);
  return form == Form::k2n16 && facts.chunk > 1 ? facts.chunk : 0;
}

std::optional<WeightFacts> decode_facts(Form form, DType dtype, uint32_t claimed) {
  WeightFacts facts;
  if (are_bytes_in_panels(form, dtype)) {
    facts.within_taps = static_cast<WeightFit>(claimed & 3);
    facts.within_rows = static_cast<WeightFit>(claimed >> 2 & 3);
    if (claimed >> 4 != 0) return std::nullopt;
  } else if (are_words_in_panels(form, dtype)) {
    facts.chunk = std::max(claimed, uint32_t{1});
  } else if (is_sparse(form)) {
    facts.within_taps = facts.within_rows = static_cast<WeightFit>(claimed & 3);
    facts.blocks = claimed >> 2;
    if (form == Form::csr && (claimed & 3) != 0) return std::nullopt;
  } else if (is_packed(form) && claimed == static_cast<uint32_t>(WeightFit::kQuads)) {
    facts.within_taps = facts.within_rows = WeightFit::kQuads;
  } else if (claimed != 0) {
    return std::nullopt;
  }
  return facts;
}

bool facts_hold(const WeightFacts& facts, Form form, DType dtype, const WeightShape& shape,
                const std::byte* stored) {
  if (are_bytes_in_panels(form, dtype)) {
    const Panels<K4N16> panels(shape);
    const int8_t* const weights = reinterpret_cast<const int8_t*>(stored);
    const size_t tap = panels.tap_steps(), row = shape.row_taps * tap;
    const bool same = facts.within_rows == facts.within_taps && tap % 2 == 0;
    return fits(facts.within_taps, panels, weights, tap) &&
           (same || fits(facts.within_rows, panels, weights, row));
  }
  if (is_sparse(form)) return Blocks(form, shape, dtype).fits(facts.within_taps, stored);
  if (is_packed(form))
    return facts.within_taps == WeightFit::kAny || CodePanels(form, shape, dtype).fits(stored);
  if (are_words_in_panels(form, dtype)) {
    const Panels<K2N16> panels(shape);
    return facts.chunk == 1 ||
           chunks_fit(panels, reinterpret_cast<const int16_t*>(stored), facts.chunk);
  }
  return true;
}

std::vector<int32_t> column_sums(const Panels<K4N16>& panels, const int8_t* weights) {
  std::vector<uint32_t> sums(panels.outputs());
  panels.for_runs([&](size_t output, size_t, size_t place, auto n) {
    for (size_t i = 0; i < n; ++i) sums[output] += static_cast<uint32_t>(int{weights[place + i]});
  });
  return {sums.begin(), sums.end()};
}

}  // namespace edgert
