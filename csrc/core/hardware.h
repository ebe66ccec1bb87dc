// What the files of the Linux kernel tell of the machine, and of what this process may use of it.
// Everything is read below a root folder, so that tests can describe machines; whatever is missing
// or makes no sense there is unknown, never an error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace edgert {

// Bytes of data that a core has in its own first cache and in the next, which it may share; 0 if
// unknown.
struct CacheSizes {
  size_t l1 = 0;
  size_t l2 = 0;
};

struct Cpu {
  int number = 0;         // the kernel's
  uint32_t type = 0;      // of an ARM core: implementer << 12 | part; 0 if unknown
  uint64_t capacity = 0;  // its speed in units of the machine's own, to compare cores; 0 if unknown
  uint64_t max_khz = 0;   // 0 if unknown
};

struct Hardware {
  std::string name;       // of the board, or of the CPU; empty if unknown
  std::vector<Cpu> cpus;  // by number
  CacheSizes caches;      // of one of the fastest cores

  const Cpu* find(int number) const;
  // Those of `numbers` with at least 5/8 of the greatest capacity among them, and those of which
  // nothing is known. Of big.LITTLE these are the big cores: others have half of it or less, or a
  // little more, as a Cortex-A53 beside a Cortex-A73.
  std::vector<int> big(const std::vector<int>& numbers) const;
};

Hardware read_hardware(const std::string& root);

// What the control groups of this process, version 1 or 2, grant.
struct GroupLimits {
  int cpus = 0;  // whole ones, at least 1; 0 without a limit
  uint64_t memory = UINT64_MAX;
};
GroupLimits read_group_limits(const std::string& root);

// The name of a type of cores, such as "Cortex-A76"; empty for 0.
std::string core_name(uint32_t type);

}  // namespace edgert
