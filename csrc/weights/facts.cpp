#include "weights/facts.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace edgert {
namespace {

typedef int8_t Bytes __attribute__((vector_size(16)));
typedef uint8_t UnsignedBytes __attribute__((vector_size(16)));
typedef int16_t Words __attribute__((vector_size(16)));

Words greater(Words a, Words b) { return a > b ? a : b; }

bool exceeds(Words sums, int16_t most) {
  const Words over = sums > most;
  uint64_t lanes[2];
  std::memcpy(lanes, &over, sizeof lanes);
  return (lanes[0] | lanes[1]) != 0;
}

// The positive ones of each two neighbours among 16 weights added up, and the amounts of the
// negative ones.
struct SignSums {
  Words positive, negative;
};

SignSums sign_sums(const int8_t* weights) {
  Bytes bytes;
  std::memcpy(&bytes, weights, sizeof bytes);
  const Bytes negative = bytes & (bytes < 0);
  // The amount of -128 is 128 only if nothing takes its sign from it.
  const UnsignedBytes amounts = -(UnsignedBytes)negative;
  const Words high = (Words)(bytes - negative), low = (Words)amounts;
  return {(high & 0xFF) + (high >> 8 & 0xFF), (low & 0xFF) + (low >> 8 & 0xFF)};
}

// Whether none of these sums exceeds kMaxFit if each `added` steps of a segment are added as well.
// In vectors: the weights of a step are neighbours of neighbours, those of the next lie a step on.
template <size_t added>
bool sums_fit(const int8_t* weights, size_t steps, size_t segment_steps) {
  constexpr size_t kStep = K4N16::kStep;
  static_assert(sum_of(WeightFit::kQuads, 0) == sum_of(WeightFit::kQuads, K4N16::kDepth + 1));
  for (size_t i = 0, left = segment_steps; i < steps;) {  // left of the segment
    const size_t count = std::min(added, left);
    Words greatest = {};
    for (size_t j = 0; j < kStep; j += sizeof(Bytes)) {
      SignSums sums = sign_sums(weights + i * kStep + j);
      if (count == 2) {
        const SignSums more = sign_sums(weights + (i + 1) * kStep + j);
        sums = {sums.positive + more.positive, sums.negative + more.negative};
      }
      greatest = greater(greatest, greater(sums.positive, sums.negative));
    }
    if (exceeds(greatest, kMaxFit)) return false;
    i += count;
    left = left == count ? segment_steps : left - count;
  }
  return true;
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

WeightFit fit_of(const Panels<K4N16>& panels, const int8_t* weights, size_t segment_steps) {
  const size_t steps = panels.count() * panels.steps();
  if (sums_fit<2>(weights, steps, segment_steps))
    return WeightFit::kQuads;  // and the pairs in them
  return sums_fit<1>(weights, steps, segment_steps) ? WeightFit::kPairs : WeightFit::kAny;
}

std::vector<int32_t> column_sums(const Panels<K4N16>& panels, const int8_t* weights) {
  std::vector<uint32_t> sums(panels.outputs());
  panels.for_runs([&](size_t output, size_t, size_t place, auto n) {
    for (size_t i = 0; i < n; ++i) sums[output] += static_cast<uint32_t>(int{weights[place + i]});
  });
  return {sums.begin(), sums.end()};
}

size_t longest_chunk(const Panels<K2N16>& panels, const int16_t* weights) {
  const size_t steps = panels.steps();
  const auto fits = [&](size_t chunk) {
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
  };
  size_t parts = 1;
  while (parts < steps && !fits(ceil_div(steps, parts))) parts += parts / 4 + 1;
  return std::max<size_t>(1, ceil_div(steps, parts));
}

}  // namespace edgert
