#include "core/cpu.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace edgert {
namespace {

[[maybe_unused]] bool bit(uint64_t value, int index) { return value >> index & 1; }

// What the features of isa.def are told by.
#if defined(__x86_64__)

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

using Told = Hwcaps;

#else

struct Told {};

#endif

struct Features : Told {
  explicit Features(const Told& told) : Told(told) {}
#define FEATURE(name, told) bool name = told;
#include "core/isa.def"
};

IsaSet levels(const Told& told) {
  [[maybe_unused]] const Features f(told);
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

// Read once: it takes tens of files.
const GroupLimits& granted() {
  static const GroupLimits limits = group_limits();
  return limits;
}

int within_quota(size_t cpus) {
  const int quota = granted().cpus;
  const int count = static_cast<int>(cpus);
  return std::max(1, quota > 0 ? std::min(quota, count) : count);
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
#if defined(__aarch64__) || defined(__arm__)
  static const IsaSet set = levels(hwcaps());
#else
  static const IsaSet set = levels(Told());
#endif
  return set;
}

#if defined(__aarch64__) || defined(__arm__)
IsaSet isa_of(const Hwcaps& hwcaps) { return levels(hwcaps); }
#endif

IsaSet cpu_isa() { return cap_by_environment(detected_isa()); }

int usable_cpus() { return within_quota(scheduled_cpus().size()); }

int default_threads() { return within_quota(hardware().big(scheduled_cpus()).size()); }

size_t usable_memory() {
  return static_cast<size_t>(std::min<uint64_t>(granted().memory, PTRDIFF_MAX));
}

CacheSizes cache_sizes() {
  const CacheSizes& known = hardware().caches;
  return {known.l1 > 0 ? known.l1 : 32 << 10, known.l2 > 0 ? known.l2 : 256 << 10};
}

}  // namespace edgert
