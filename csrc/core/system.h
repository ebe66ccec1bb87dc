// What only the operating system knows. There is one file per system, system_<system>.cpp; all else
// keeps to POSIX.
#pragma once

#include <cstdint>
#include <vector>

#include "core/hardware.h"

namespace edgert {

// The machine, read once.
const Hardware& hardware();

// Numbers of the CPUs that the scheduler may give to this process, at least one.
std::vector<int> scheduled_cpus();

// What the control groups of this process grant now.
GroupLimits group_limits();

// What an ARM CPU has, in the bits that Linux tells it with (AT_HWCAP and AT_HWCAP2).
struct Hwcaps {
  uint64_t hwcap = 0;
  uint64_t hwcap2 = 0;
};
Hwcaps hwcaps();

// Milliseconds since some moment, by the clock that is read in the least time.
int64_t coarse_milliseconds();

// Asks for the tile registers of AMX, for this process; whether it got them.
bool permit_tiles();

}  // namespace edgert
