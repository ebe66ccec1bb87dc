// Work split over the threads of a pool.
#pragma once

#include <algorithm>
#include <cstddef>

#include "core/threads.h"

namespace edgert {

// What a core does while a sleeping one is woken, in bytes of memory moved: less is not worth a
// barrier.
constexpr size_t kInlineBytes = 256 * 1024;

// What moves between two questions whether the run shall end: some milliseconds at most.
constexpr size_t kLongestBytes = 1024 * 1024;

// Calls body(first, last) on disjoint ranges that cover the items 0 .. count-1, on several threads
// if all items together move more than kInlineBytes. Heavy arithmetic counts as more bytes than it
// moves. A range has at most kLongestBytes, or one item.
template <typename Body>
void split(ThreadPool& pool, size_t count, size_t bytes_per_item, const Body& body) {
  if (count == 0) return;
  const size_t bytes = count * bytes_per_item;
  const bool alone = pool.threads() == 1 || bytes <= kInlineBytes;
  // A few ranges per thread even out what other processes and unequal cores take.
  const size_t wanted =
      alone ? 1 : std::min(static_cast<size_t>(pool.threads()) * 4, bytes / (kInlineBytes / 4));
  const size_t ranges = std::min(count, std::max(wanted, bytes / kLongestBytes));
  if (ranges == 1) return body(size_t{0}, count);
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
