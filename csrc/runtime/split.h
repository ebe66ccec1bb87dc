// Work split over the threads of a pool.
#pragma once

#include <algorithm>
#include <cstddef>

#include "core/threads.h"

namespace edgert {

// What a core does while a sleeping one is woken, in bytes of memory moved: less is not worth a
// barrier.
constexpr size_t kInlineBytes = 256 * 1024;

// Calls body(first, last) on disjoint ranges that cover the items 0 .. count-1, on several threads
// if all items together move more than kInlineBytes. Heavy arithmetic counts as more bytes than it
// moves.
template <typename Body>
void split(ThreadPool& pool, size_t count, size_t bytes_per_item, const Body& body) {
  if (count == 0) return;
  const size_t bytes = count * bytes_per_item;
  if (pool.threads() == 1 || count == 1 || bytes <= kInlineBytes) return body(size_t{0}, count);
  // A few ranges per thread even out what other processes and unequal cores take.
  const size_t most = static_cast<size_t>(pool.threads()) * 4;
  const size_t ranges = std::min({count, most, bytes / (kInlineBytes / 4)});
  pool.parallel_for(ranges,
                    [&](size_t i, int) { body(count * i / ranges, count * (i + 1) / ranges); });
}

// The same for `count` elements, in ranges that begin at a multiple of kSplitElements, so that
// threads never meet in a cache line.
constexpr size_t kSplitElements = 1024;

template <typename Body>
void split_elements(ThreadPool& pool, size_t count, size_t bytes_per_element, const Body& body) {
  split(pool, (count + kSplitElements - 1) / kSplitElements, bytes_per_element * kSplitElements,
        [&](size_t first, size_t last) {
          body(first * kSplitElements, std::min(count, last * kSplitElements));
        });
}

}  // namespace edgert
