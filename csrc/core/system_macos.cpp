#if defined(__APPLE__)

#include <sys/sysctl.h>
#include <time.h>

#include "core/system.h"

namespace edgert {
namespace {

uint64_t read(const char* name) {
  uint64_t value = 0;
  size_t size = sizeof value;
  return sysctlbyname(name, &value, &size, nullptr, 0) == 0 ? value : 0;
}

// Adds `count` CPUs of one kind.
void add_cpus(Hardware& machine, uint64_t count, uint64_t capacity) {
  for (uint64_t i = 0; i < count; ++i) {
    Cpu cpu;
    cpu.number = static_cast<int>(machine.cpus.size());
    cpu.capacity = capacity;
    machine.cpus.push_back(cpu);
  }
}

}  // namespace

const Hardware& hardware() {
  static const Hardware machine = [] {
    Hardware read_once;
    char name[128] = {};
    size_t size = sizeof name - 1;
    if (sysctlbyname("machdep.cpu.brand_string", name, &size, nullptr, 0) == 0)
      read_once.name = name;
    if (read("hw.nperflevels") >= 2) {  // level 0 is that of the fast cores
      add_cpus(read_once, read("hw.perflevel0.logicalcpu"), 1024);
      add_cpus(read_once, read("hw.perflevel1.logicalcpu"), 256);
      read_once.caches = {read("hw.perflevel0.l1dcachesize"), read("hw.perflevel0.l2cachesize")};
    } else {
      add_cpus(read_once, read("hw.logicalcpu"), 1024);
      read_once.caches = {read("hw.l1dcachesize"), read("hw.l2cachesize")};
    }
    return read_once;
  }();
  return machine;
}

std::vector<int> scheduled_cpus() {
  std::vector<int> cpus;
  for (const Cpu& cpu : hardware().cpus) cpus.push_back(cpu.number);
  if (cpus.empty()) cpus.push_back(0);
  return cpus;
}

GroupLimits group_limits() {
  GroupLimits granted;
  if (const uint64_t memory = read("hw.memsize")) granted.memory = memory;
  return granted;
}

Hwcaps hwcaps() {
  return {read("hw.optional.arm.FEAT_DotProd") << 20, read("hw.optional.arm.FEAT_I8MM") << 13};
}

int64_t coarse_milliseconds() {
  return static_cast<int64_t>(clock_gettime_nsec_np(CLOCK_MONOTONIC_RAW_APPROX) / 1000000);
}

bool permit_tiles() { return false; }

}  // namespace edgert

#endif
