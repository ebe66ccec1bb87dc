// What the CPU can execute, capped by EDGERT_ISA, and how much of the machine this process may use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/hardware.h"
#include "core/system.h"

namespace edgert {

enum class Isa : uint8_t {
#define LEVEL(name, needs, flags) name,
#include "core/isa.def"
};

// A set of instruction set levels.
class IsaSet {
 public:
  constexpr IsaSet() = default;
  constexpr explicit IsaSet(uint32_t bits) : bits_(bits) {}
  constexpr bool has(Isa isa) const { return bits_ >> static_cast<int>(isa) & 1; }
  constexpr IsaSet with(Isa isa) const { return IsaSet(bits_ | 1u << static_cast<int>(isa)); }
  // The levels of this set up to and including `isa`.
  constexpr IsaSet capped(Isa isa) const {
    return IsaSet(bits_ & ((2u << static_cast<int>(isa)) - 1));
  }
  constexpr bool operator==(IsaSet other) const { return bits_ == other.bits_; }

 private:
  uint32_t bits_ = 0;
};

const char* isa_name(Isa isa);
std::vector<Isa> isa_list(IsaSet set);  // weakest first

// The levels of this CPU, lowered by the environment variable EDGERT_ISA if it is set. Throws
// Error(kUnsupported) for a name that is unknown or that this CPU cannot run, listing those it can.
IsaSet cpu_isa();

// The levels of this CPU, whatever the environment says.
IsaSet detected_isa();

#if defined(__aarch64__) || defined(__arm__)
// The levels of a CPU with these features.
IsaSet isa_of(const Hwcaps& hwcaps);
#endif

// CPUs that this process may use: the scheduler's affinity mask and the cgroup's quota, at least 1.
int usable_cpus();

// Threads that a session has unless told otherwise: of the usable CPUs those that are big cores. A
// small one beside them would hold up each step.
int default_threads();

// Bytes of memory that this process may use: what the machine has and the cgroup's limit.
size_t usable_memory();

// The caches of a big core as the operating system tells them, or a cautious guess; never 0.
CacheSizes cache_sizes();

}  // namespace edgert
