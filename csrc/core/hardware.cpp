#include "core/hardware.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>

#include "core/error.h"

namespace edgert {
namespace {

struct CoreType {
  uint32_t type;  // implementer << 12 | part
  const char* name;
  bool in_order;  // about half as fast as others at the same clock
  CacheSizes
      caches;  // what it has at least, in kilobytes, where the kernel does not tell; 0: a guess
};

// Implementers: 0x41 Arm, 0x4e NVIDIA, 0x51 Qualcomm, 0xc0 Ampere.
constexpr CoreType kTypes[] = {
    {0x41c05, "Cortex-A5", true, {}},
    {0x41c07, "Cortex-A7", true, {32, 256}},
    {0x41c08, "Cortex-A8", true, {}},
    {0x41c09, "Cortex-A9", false, {}},
    {0x41c0d, "Cortex-A17", false, {}},
    {0x41c0e, "Cortex-A17", false, {}},
    {0x41c0f, "Cortex-A15", false, {32, 512}},
    {0x41d01, "Cortex-A32", true, {}},
    {0x41d02, "Cortex-A34", true, {}},
    {0x41d03, "Cortex-A53", true, {32, 512}},
    {0x41d04, "Cortex-A35", true, {}},
    {0x41d05, "Cortex-A55", true, {32, 64}},
    {0x41d06, "Cortex-A65", false, {}},
    {0x41d07, "Cortex-A57", false, {32, 512}},
    {0x41d08, "Cortex-A72", false, {32, 512}},
    {0x41d09, "Cortex-A73", false, {32, 256}},
    {0x41d0a, "Cortex-A75", false, {64, 256}},
    {0x41d0b, "Cortex-A76", false, {64, 256}},
    {0x41d0c, "Neoverse-N1", false, {64, 512}},
    {0x41d0d, "Cortex-A77", false, {64, 256}},
    {0x41d0e, "Cortex-A76AE", false, {64, 256}},
    {0x41d40, "Neoverse-V1", false, {64, 512}},
    {0x41d41, "Cortex-A78", false, {32, 256}},
    {0x41d42, "Cortex-A78AE", false, {32, 256}},
    {0x41d44, "Cortex-X1", false, {64, 512}},
    {0x41d46, "Cortex-A510", true, {}},
    {0x41d47, "Cortex-A710", false, {32, 256}},
    {0x41d48, "Cortex-X2", false, {64, 512}},
    {0x41d49, "Neoverse-N2", false, {64, 512}},
    {0x41d4a, "Neoverse-E1", false, {}},
    {0x41d4b, "Cortex-A78C", false, {32, 256}},
    {0x41d4d, "Cortex-A715", false, {}},
    {0x41d4e, "Cortex-X3", false, {64, 512}},
    {0x41d4f, "Neoverse-V2", false, {64, 1024}},
    {0x41d80, "Cortex-A520", true, {}},
    {0x41d81, "Cortex-A720", false, {}},
    {0x41d82, "Cortex-X4", false, {64, 512}},
    {0x4e003, "Denver 2", false, {}},
    {0x4e004, "Carmel", false, {64, 1024}},
    {0x51800, "Kryo 2xx Gold", false, {}},
    {0x51801, "Kryo 2xx Silver", true, {}},
    {0x51802, "Kryo 3xx Gold", false, {}},
    {0x51803, "Kryo 3xx Silver", true, {}},
    {0x51804, "Kryo 4xx Gold", false, {}},
    {0x51805, "Kryo 4xx Silver", true, {}},
    {0xc0ac3, "Ampere-1", false, {64, 1024}},
};

const CoreType* find_type(uint32_t type) {
  for (const CoreType& known : kTypes)
    if (known.type == type) return &known;
  return nullptr;
}

// The whole of a file, no more than a kernel's files have; empty if it cannot be read. (The streams
// of the standard library would make up a sixth of the extension module.)
std::string read_text(const std::string& path) {
  constexpr size_t kMost = size_t{4} << 20;
  std::string text;
  if (FILE* const file = std::fopen(path.c_str(), "re")) {
    char part[4096];
    for (size_t n; text.size() < kMost && (n = std::fread(part, 1, sizeof part, file)) > 0;)
      text.append(part, n);
    std::fclose(file);
  }
  return text;
}

// The number that a text begins with, in any base of C; `missing` if there is none.
uint64_t number(const std::string& text, uint64_t missing, int base = 0) {
  const char* begin = text.c_str();
  while (*begin == ' ' || *begin == '\t') ++begin;
  if (*begin < '0' || *begin > '9') return missing;
  return std::strtoull(begin, nullptr, base);
}

// Calls `use` with each line, without its end.
template <typename Use>
void for_each_line(const std::string& text, Use use) {
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    use(text.substr(begin, end - begin));
    begin = end + 1;
  }
}

// Without what a text ends with: zeros as in a device tree, ends of lines, spaces.
std::string trimmed(std::string text) {
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.pop_back();
  return text;
}

std::string cpu_folder(const std::string& root, int number) {
  return format("%s/sys/devices/system/cpu/cpu%d/", root.c_str(), number);
}

Cpu& with_number(std::vector<Cpu>& cpus, int number) {
  for (Cpu& cpu : cpus)
    if (cpu.number == number) return cpu;
  cpus.emplace_back();
  cpus.back().number = number;
  return cpus.back();
}

// /proc/cpuinfo: blocks of `key : value`, one per CPU, each begun by its number; on some 32-bit
// kernels what all CPUs have in common is told once, behind them.
void read_cpuinfo(const std::string& root, Hardware& hardware) {
  Cpu* cpu = nullptr;
  for_each_line(read_text(root + "/proc/cpuinfo"), [&](const std::string& line) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) return;
    const std::string key = trimmed(line.substr(0, colon));
    const std::string value = line.substr(std::min(line.size(), colon + 2));
    if (key == "processor") {
      const uint64_t index = number(value, UINT64_MAX, 10);
      cpu = index <= 65535 ? &with_number(hardware.cpus, static_cast<int>(index)) : nullptr;
    } else if ((key == "model name" || key == "Model") && hardware.name.empty() &&
               value.find("Processor rev") == std::string::npos) {  // "ARMv7 Processor rev 4 (v7l)"
      hardware.name = trimmed(value);
    } else if (cpu != nullptr && key == "CPU implementer") {
      cpu->type = static_cast<uint32_t>(number(value, 0) & 0xff) << 12;
    } else if (cpu != nullptr && key == "CPU part") {
      cpu->type |= static_cast<uint32_t>(number(value, 0) & 0xfff);
    }
  });
}

// "0-3,6" as CPUs.
void read_online(const std::string& root, std::vector<Cpu>& cpus) {
  const std::string text = read_text(root + "/sys/devices/system/cpu/online");
  for (const char* next = text.c_str(); *next >= '0' && *next <= '9';) {
    char* end;
    const unsigned long first = std::strtoul(next, &end, 10);
    const unsigned long last = *end == '-' ? std::strtoul(end + 1, &end, 10) : first;
    for (unsigned long i = first; i <= std::min(last, 65535ul); ++i)
      with_number(cpus, static_cast<int>(i));
    next = *end == ',' ? end + 1 : end;
  }
}

void read_cpu(const std::string& root, Cpu& cpu) {
  const std::string folder = cpu_folder(root, cpu.number);
  if (const uint64_t midr = number(read_text(folder + "regs/identification/midr_el1"), 0))
    cpu.type = static_cast<uint32_t>((midr >> 24 & 0xff) << 12 | (midr >> 4 & 0xfff));
  const auto read = [&](const char* file) {
    return std::min<uint64_t>(number(read_text(folder + file), 0, 10), UINT32_MAX);
  };
  cpu.max_khz = read("cpufreq/cpuinfo_max_freq");
  cpu.capacity = read("cpu_capacity");
}

// Where the kernel does not compare cores, their types do, and their clocks.
void compare_cores(std::vector<Cpu>& cpus) {
  const auto all_have = [&](uint64_t Cpu::* fact) {
    return std::all_of(cpus.begin(), cpus.end(), [&](const Cpu& cpu) { return cpu.*fact > 0; });
  };
  if (all_have(&Cpu::capacity)) return;
  const bool clocks = all_have(&Cpu::max_khz);
  for (Cpu& cpu : cpus) {
    const CoreType* const type = find_type(cpu.type);
    cpu.capacity = (clocks ? cpu.max_khz : 1) * (type != nullptr && type->in_order ? 1 : 2);
  }
}

// The caches of a CPU as the kernel tells them: for each a folder with files `level`, `type` and
// `size`, such as 32K.
CacheSizes read_caches(const std::string& root, int cpu) {
  CacheSizes sizes;
  for (int i = 0; i < 8; ++i) {
    const std::string folder = cpu_folder(root, cpu) + format("cache/index%d/", i);
    if (trimmed(read_text(folder + "type")) == "Instruction") continue;
    const uint64_t level = number(read_text(folder + "level"), 0, 10);
    const std::string text = trimmed(read_text(folder + "size"));
    const uint64_t size = number(text, 0, 10) << (text.empty() || text.back() == 'K' ? 10 : 20);
    if (size == 0 || size > PTRDIFF_MAX) continue;
    if (level == 1) sizes.l1 = static_cast<size_t>(size);
    if (level == 2) sizes.l2 = static_cast<size_t>(size);
  }
  return sizes;
}

// The paths of the folders of control groups that this process is in, below their mounts, by
// /proc/self/cgroup: `number:controllers:path`. The unified hierarchy of version 2 has no name. The
// root counts always: in a container the path may be one of the host's.
template <typename Use>
void for_each_group(const std::string& root, const char* controller, Use use) {
  const auto climb = [&](const std::string& mount, std::string path) {
    if (path.find("..") != std::string::npos) path.clear();
    for (; !path.empty(); path.resize(path.rfind('/')))
      if (path.front() != '/')
        return;
      else if (path.size() > 1)
        use(root + mount + path);
  };
  const std::string own = std::string("/sys/fs/cgroup/") + controller;
  for_each_line(read_text(root + "/proc/self/cgroup"), [&](const std::string& line) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) return;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string path = line.substr(second + 1);
    if (controllers == ",,") climb("/sys/fs/cgroup", path);
    if (controllers.find("," + std::string(controller) + ",") != std::string::npos)
      climb(own, path);
  });
  use(root + "/sys/fs/cgroup");
  use(root + own);
}

}  // namespace

const Cpu* Hardware::find(int number) const {
  for (const Cpu& cpu : cpus)
    if (cpu.number == number) return &cpu;
  return nullptr;
}

std::vector<int> Hardware::big(const std::vector<int>& numbers) const {
  uint64_t most = 0;
  for (int number : numbers)
    if (const Cpu* const cpu = find(number)) most = std::max(most, cpu->capacity);
  std::vector<int> result;
  for (int number : numbers) {
    const Cpu* const cpu = find(number);
    if (cpu == nullptr || 8 * cpu->capacity >= 5 * most) result.push_back(number);
  }
  return result;
}

Hardware read_hardware(const std::string& root) {
  Hardware hardware;
  hardware.name = trimmed(read_text(root + "/proc/device-tree/model"));
  read_cpuinfo(root, hardware);
  read_online(root, hardware.cpus);
  for (Cpu& cpu : hardware.cpus) read_cpu(root, cpu);
  std::sort(hardware.cpus.begin(), hardware.cpus.end(),
            [](const Cpu& a, const Cpu& b) { return a.number < b.number; });
  compare_cores(hardware.cpus);
  if (!hardware.cpus.empty()) {
    const Cpu& fastest =
        *std::max_element(hardware.cpus.begin(), hardware.cpus.end(),
                          [](const Cpu& a, const Cpu& b) { return a.capacity < b.capacity; });
    hardware.caches = read_caches(root, fastest.number);
    if (const CoreType* const type = find_type(fastest.type)) {
      if (hardware.caches.l1 == 0) hardware.caches.l1 = type->caches.l1 << 10;
      if (hardware.caches.l2 == 0) hardware.caches.l2 = type->caches.l2 << 10;
    }
  }
  return hardware;
}

GroupLimits read_group_limits(const std::string& root) {
  GroupLimits limits;
  const auto limit_cpus = [&](uint64_t quota, uint64_t period) {  // microseconds
    if (quota == 0 || quota == UINT64_MAX || period == 0 || period == UINT64_MAX) return;
    const int cpus = static_cast<int>(std::clamp<uint64_t>(quota / period, 1, 65536));
    limits.cpus = limits.cpus == 0 ? cpus : std::min(limits.cpus, cpus);
  };
  for_each_group(root, "cpu", [&](const std::string& group) {
    const std::string both = read_text(group + "/cpu.max");  // "max 100000" is no quota
    limit_cpus(number(both, UINT64_MAX),
               number(both.substr(std::min(both.size(), both.find(' '))), 0));
    limit_cpus(number(read_text(group + "/cpu.cfs_quota_us"), UINT64_MAX),
               number(read_text(group + "/cpu.cfs_period_us"), 0));
  });
  for_each_group(root, "memory", [&](const std::string& group) {
    for (const char* file : {"/memory.max", "/memory.limit_in_bytes"})
      limits.memory = std::min(limits.memory, number(read_text(group + file), UINT64_MAX));
  });
  return limits;
}

std::string core_name(uint32_t type) {
  if (type == 0) return {};
  if (const CoreType* const known = find_type(type)) return known->name;
  return format("ARM core %02x:%03x", static_cast<unsigned>(type >> 12),
                static_cast<unsigned>(type & 0xfff));
}

}  // namespace edgert
