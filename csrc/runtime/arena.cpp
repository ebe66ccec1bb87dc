#include "runtime/arena.h"

#include <algorithm>
#include <numeric>

#include "core/memory.h"

namespace edgert {
namespace {

bool coexist(const Lifetime& a, const Lifetime& b) {
  return a.first <= b.last && b.first <= a.last;
}

uint64_t padded(uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

ArenaPlan plan_arena(const std::vector<Lifetime>& lifetimes) {
  ArenaPlan plan;
  plan.offsets.assign(lifetimes.size(), 0);
  std::vector<size_t> order(lifetimes.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return lifetimes[a].bytes > lifetimes[b].bytes; });
  std::vector<size_t> placed;  // by offset
  for (size_t i : order) {
    const uint64_t bytes = padded(lifetimes[i].bytes);
    uint64_t best = UINT64_MAX, best_gap = UINT64_MAX, end = 0;
    for (size_t j : placed) {
      if (!coexist(lifetimes[i], lifetimes[j])) continue;
      const uint64_t offset = plan.offsets[j];
      if (offset >= end && offset - end >= bytes && offset - end < best_gap) {
        best = end;
        best_gap = offset - end;
      }
      end = std::max(end, offset + padded(lifetimes[j].bytes));
    }
    plan.offsets[i] = best == UINT64_MAX ? end : best;
    plan.bytes = std::max(plan.bytes, plan.offsets[i] + bytes);
    const auto by_offset = [&](size_t a, size_t b) { return plan.offsets[a] < plan.offsets[b]; };
    placed.insert(std::upper_bound(placed.begin(), placed.end(), i, by_offset), i);
  }
  return plan;
}

bool verify_arena(const std::vector<Lifetime>& lifetimes, const ArenaPlan& plan) {
  if (plan.offsets.size() != lifetimes.size()) return false;
  for (size_t i = 0; i < lifetimes.size(); ++i) {
    const uint64_t begin = plan.offsets[i], end = begin + lifetimes[i].bytes;
    if (begin % kAlignment != 0 || end > plan.bytes) return false;
    for (size_t j = 0; j < i; ++j) {
      if (!coexist(lifetimes[i], lifetimes[j])) continue;
      if (begin < plan.offsets[j] + lifetimes[j].bytes && plan.offsets[j] < end) return false;
    }
  }
  return true;
}

}  // namespace edgert
