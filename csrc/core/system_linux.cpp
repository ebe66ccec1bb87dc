#if defined(__linux__)

#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/system.h"

#if defined(__aarch64__) || defined(__arm__)
#include <sys/auxv.h>
#endif

namespace edgert {
namespace {

// What the C library knows where the kernel's files are not to be seen.
[[maybe_unused]] size_t cache_size(int name) {
  const long bytes = sysconf(name);
  return bytes > 0 ? static_cast<size_t>(bytes) : 0;
}

}  // namespace

const Hardware& hardware() {
  static const Hardware machine = [] {
    Hardware read = read_hardware("");
#ifdef _SC_LEVEL1_DCACHE_SIZE  // not in musl
    if (read.caches.l1 == 0) read.caches.l1 = cache_size(_SC_LEVEL1_DCACHE_SIZE);
    if (read.caches.l2 == 0) read.caches.l2 = cache_size(_SC_LEVEL2_CACHE_SIZE);
#endif
    return read;
  }();
  return machine;
}

std::vector<int> scheduled_cpus() {
  std::vector<int> cpus;
  // The call refuses masks that are smaller than the kernel's.
  for (size_t words = 16; cpus.empty() && words <= 4096; words *= 2) {
    constexpr size_t kBits = 8 * sizeof(unsigned long);
    std::vector<unsigned long> mask(words);
    cpu_set_t* const set = reinterpret_cast<cpu_set_t*>(mask.data());
    if (sched_getaffinity(0, words * sizeof(unsigned long), set) != 0) continue;
    for (size_t i = 0; i < words * kBits; ++i)
      if (mask[i / kBits] >> i % kBits & 1) cpus.push_back(static_cast<int>(i));
  }
  if (cpus.empty())  // a sandbox without the call
    for (long i = 0, n = sysconf(_SC_NPROCESSORS_ONLN); i < n || i == 0; ++i)
      cpus.push_back(static_cast<int>(i));
  return cpus;
}

GroupLimits group_limits() {
  GroupLimits granted = read_group_limits("");
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0) {
    const uint64_t memory = static_cast<uint64_t>(pages) * static_cast<uint64_t>(page);
    if (memory < granted.memory) granted.memory = memory;
  }
  return granted;
}

Hwcaps hwcaps() {
#if defined(__aarch64__) || defined(__arm__)
  return {getauxval(AT_HWCAP), getauxval(AT_HWCAP2)};
#else
  return {};
#endif
}

int64_t coarse_milliseconds() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &time);  // of some milliseconds
  return int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1000000;
}

// The registers of AMX are 8 KiB that Linux saves only for processes that asked for them: this one,
// all its threads and children have them from then on. Older kernels than 5.16, and sandboxes, say
// no.
bool permit_tiles() {
#if defined(__x86_64__)
  constexpr int kRequestPermission = 0x1023, kTileData = 18;  // <asm/prctl.h>; XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

}  // namespace edgert

#endif
