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

struct Features {
  bool avx2 = false, fma = false, f16c = false, avx_vnni = false, avx512 = false;
  bool avx512_vnni = false, amx_int8 = false;
  bool neon = false, dotprod = false, i8mm = false;
};

#if defined(__x86_64__)

bool bit(unsigned value, int index) { return value >> index & 1; }

// The registers of AMX are 8 KiB that Linux saves only for processes that asked for them: this one,
// all its threads and children have them from then on. Older kernels than 5.16, and sandboxes, say
// no.
bool permit_tiles() {
  constexpr int kRequestPermission = 0x1023, kTileData = 18;  // asm/prctl.h; XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

Features read_features() {
  Features f;
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !bit(c, 27)) return f;  // no OSXSAVE: no wide registers
  const bool fma = bit(c, 12), f16c = bit(c, 29);
  unsigned xcr0, xcr0_high;
  __asm__("xgetbv" : "=a"(xcr0), "=d"(xcr0_high) : "c"(0));
  const bool os_ymm = (xcr0 & 0x6) == 0x6;
  const bool os_zmm = (xcr0 & 0xE6) == 0xE6;
  const bool os_amx = (xcr0 & 0x60000) == 0x60000;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return f;
  const unsigned leaves = a;
  f.avx2 = os_ymm && bit(b, 5);
  f.fma = os_ymm && fma;
  f.f16c = os_ymm && f16c;
  // F, DQ, BW and VL: every CPU with one of the last three has all of them.
  f.avx512 = os_zmm && bit(b, 16) && bit(b, 17) && bit(b, 30) && bit(b, 31);
  f.avx512_vnni = f.avx512 && bit(c, 11);
  f.amx_int8 = f.avx512_vnni && os_amx && bit(d, 24) && bit(d, 25) && permit_tiles();
  if (leaves >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d)) f.avx_vnni = os_ymm && bit(a, 4);
  return f;
}

#elif defined(__aarch64__)

Features read_features() {
  Features f;
  f.neon = true;
  f.dotprod = getauxval(AT_HWCAP) >> 20 & 1;  // HWCAP_ASIMDDP
  f.i8mm = getauxval(AT_HWCAP2) >> 13 & 1;    // HWCAP2_I8MM
  return f;
}

#elif defined(__arm__)

Features read_features() {
  Features f;
  f.neon = getauxval(AT_HWCAP) >> 12 & 1;  // HWCAP_NEON
  return f;
}

#else

Features read_features() { return {}; }

#endif

IsaSet detect() {
  [[maybe_unused]] const Features f = read_features();
  IsaSet set;
#define X(name, architecture, detected) \
  if (detected) set = set.with(Isa::name);
#include "core/isa.def"
#undef X
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
#define X(name, architecture, detected) \
  case Isa::name:                       \
    return #name;
#include "core/isa.def"
#undef X
  }
  return "?";
}

std::vector<Isa> isa_list(IsaSet set) {
  std::vector<Isa> list;
#define X(name, architecture, detected) \
  if (set.has(Isa::name)) list.push_back(Isa::name);
#include "core/isa.def"
#undef X
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
