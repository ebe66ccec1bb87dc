#include "core/cpu.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#elif defined(__aarch64__) || defined(__arm__)
#include <sys/auxv.h>
#endif

namespace edgert {
namespace {

[[maybe_unused]] bool bit(uint64_t value, int index) { return value >> index & 1; }

// What the features of isa.def are told by.
#if defined(__x86_64__)

// The registers of AMX are 8 KiB that Linux saves only for processes that asked for them: this one,
// all its threads and children have them from then on. Older kernels than 5.16, and sandboxes, say
// no.
bool permit_tiles() {
  constexpr int kRequestPermission = 0x1023, kTileData = 18;  // <asm/prctl.h>; XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

struct Leaf {  // of CPUID, its registers; zeros if the CPU has no such leaf or part of it
  unsigned a = 0, b = 0, c = 0, d = 0;
  Leaf(unsigned leaf, unsigned part) { __get_cpuid_count(leaf, part, &a, &b, &c, &d); }
};

struct Told {
  Leaf leaf1{1, 0}, leaf7{7, 0}, leaf7_1{7, 1};
  bool ymm = false, zmm = false, tiles = false;  // the operating system saves these registers

  Told() {
    if (!bit(leaf1.c, 27)) return;  // no OSXSAVE: so no registers of AVX
    unsigned xcr0, xcr0_high;
    __asm__("xgetbv" : "=a"(xcr0), "=d"(xcr0_high) : "c"(0));
    ymm = (xcr0 & 0x6) == 0x6;
    zmm = (xcr0 & 0xE6) == 0xE6;
    tiles = (xcr0 & 0x60000) == 0x60000;
  }
};

#elif defined(__aarch64__) || defined(__arm__)

struct Told {
  unsigned long hwcap = getauxval(AT_HWCAP), hwcap2 = getauxval(AT_HWCAP2);
};

#else

struct Told {};

#endif

struct Features : Told {
#define FEATURE(name, told) bool name = told;
#include "core/isa.def"
};

IsaSet detect() {
  [[maybe_unused]] const Features f = {};
  IsaSet set;
#define LEVEL(name, needs, flags) \
  if (needs) set = set.with(Isa::name);
#include "core/isa.def"
  return set;
}

IsaSet cap_by_environment(IsaSet detected) {
  const char* cap = std::getenv("EDGERT_ISA");
  if (cap == nullptr || *cap == '\0') return detected;
  std::string valid;
  for (Isa isa : isa_list(detected)) {
    if (std::strcmp(cap, isa_name(isa)) == 0) return detected.capped(isa);
    valid += std::string(valid.empty() ? "" : ", ") + isa_name(isa);
  }
  throw Error(
      ErrorCode::kUnsupported, "ISA",
      format("EDGERT_ISA=%.64s: this CPU has no such level; it has %s", cap, valid.c_str()));
}

// The numbers that a file of the kernel begins with, -1 for those that are not there. (The streams
// of the standard library would make up a sixth of the extension module.)
struct TwoNumbers {
  long long first = -1, second = -1;
};

TwoNumbers read_numbers(const char* path) {
  TwoNumbers numbers;
  if (FILE* file = std::fopen(path, "re")) {
    if (std::fscanf(file, "%lld %lld", &numbers.first, &numbers.second) == EOF) numbers = {};
    std::fclose(file);
  }
  return numbers;
}

// CPUs granted by the cgroup's quota; 0 if there is none.
int cgroup_cpus() {
  TwoNumbers quota = read_numbers("/sys/fs/cgroup/cpu.max");  // "max 100000" is no quota
  if (quota.first < 0) {
    quota.first = read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").first;
    quota.second = read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_period_us").first;
  }
  if (quota.first <= 0 || quota.second <= 0) return 0;
  return static_cast<int>(std::max(1LL, quota.first / quota.second));
}

size_t cache_size(int name, size_t guess) {
  const long bytes = sysconf(name);
  return bytes > 0 ? static_cast<size_t>(bytes) : guess;
}

}  // namespace

const char* isa_name(Isa isa) {
  switch (isa) {
#define LEVEL(name, needs, flags) \
  case Isa::name:                 \
    return #name;
#include "core/isa.def"
  }
  return "?";
}

std::vector<Isa> isa_list(IsaSet set) {
  std::vector<Isa> list;
#define LEVEL(name, needs, flags) \
  if (set.has(Isa::name)) list.push_back(Isa::name);
#include "core/isa.def"
  return list;
}

IsaSet detected_isa() {
  static const IsaSet set = detect();
  return set;
}

IsaSet cpu_isa() { return cap_by_environment(detected_isa()); }

int usable_cpus() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  int cpus = sched_getaffinity(0, sizeof mask, &mask) == 0
                 ? CPU_COUNT(&mask)
                 : static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  const int quota = cgroup_cpus();
  if (quota > 0) cpus = std::min(cpus, quota);
  return std::max(1, cpus);
}

size_t usable_memory() {
  uint64_t bytes =
      static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  for (const char* path :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    const long long limit = read_numbers(path).first;  // "max" is no number: no limit
    if (limit >= 0) bytes = std::min(bytes, static_cast<uint64_t>(limit));
  }
  return static_cast<size_t>(std::min<uint64_t>(bytes, PTRDIFF_MAX));
}

CacheSizes cache_sizes() {
  static const CacheSizes sizes = {cache_size(_SC_LEVEL1_DCACHE_SIZE, 32 << 10),
                                   cache_size(_SC_LEVEL2_CACHE_SIZE, 256 << 10)};
  return sizes;
}

}  // namespace edgert
