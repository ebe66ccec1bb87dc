// Makes the system refuse memory, mappings and threads.
#pragma once

#include <cstddef>

namespace edgert::test {

enum class FaultMode { kOnce, kFromThenOn };

// Counts requests of all threads from now on, and refuses the one at `first` (from 0), or that and
// all later ones.
void arm_faults(size_t first, FaultMode mode);

// Ends it; returns how many requests there were.
size_t disarm_faults();

}  // namespace edgert::test
