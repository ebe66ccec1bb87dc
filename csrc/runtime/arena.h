// The memory planner: a pure function from lifetimes to offsets, and its verifier.
#pragma once

#include <cstdint>
#include <vector>

namespace edgert {

// Sizes are 64 bits wide on every machine: a plan may be too large for this one, but never wraps.

// A buffer that must exist from step `first` to step `last`, both inclusive.
struct Lifetime {
  int first;
  int last;
  uint64_t bytes;
};

struct ArenaPlan {
  std::vector<uint64_t> offsets;  // one per lifetime, multiples of kAlignment
  uint64_t bytes = 0;
};

// Greedy by size (Pisarchyk & Lee, "Efficient Memory Management for Deep Neural Net Inference",
// 2020): largest first, each into the tightest gap between the buffers that live at the same time.
ArenaPlan plan_arena(const std::vector<Lifetime>& lifetimes);

// Whether every buffer lies inside the arena and no two that live at the same time overlap.
bool verify_arena(const std::vector<Lifetime>& lifetimes, const ArenaPlan& plan);

}  // namespace edgert
