// What is made of the machine's description by Linux: boards of tests/boards, and machines that
// tell little or nonsense.
#include "core/hardware.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <numeric>

#include "core/system.h"
#include "harness.h"

namespace edgert::test {
namespace {

// A folder with the files of a machine, which goes with it.
class Root {
 public:
  Root() {
    char path[] = "/tmp/edgert_hardware_test_XXXXXX";
    CHECK(mkdtemp(path) != nullptr, "a temporary folder");
    path_ = path;
  }
  ~Root() {
    for (auto path = made_.rbegin(); path != made_.rend(); ++path) std::remove(path->c_str());
    rmdir(path_.c_str());
  }
  const std::string& path() const { return path_; }

  void write(const std::string& name, const std::string& text) {
    const std::string file = path_ + name;
    for (size_t slash = path_.size(); (slash = file.find('/', slash + 1)) != std::string::npos;) {
      const std::string folder = file.substr(0, slash);
      if (mkdir(folder.c_str(), 0700) == 0) made_.push_back(folder);
    }
    made_.push_back(file);
    std::ofstream(file, std::ios::binary) << text;
  }

 private:
  std::string path_;
  std::vector<std::string> made_;
};

// Writes the files of a board but those whose name contains `without`; returns its features.
Hwcaps write_board(Root& root, const std::string& board, const std::string& without = "?") {
  std::ifstream dump(std::string(EDGERT_BOARDS) + "/" + board + ".txt");
  CHECK(dump.good(), "no dump of %s", board.c_str());
  Hwcaps hwcaps;
  std::string line, name, text;
  const auto end_file = [&] {
    if (!name.empty() && name.find(without) == std::string::npos) root.write(name, text);
    text.clear();
  };
  while (std::getline(dump, line)) {
    if (line.rfind("--- ", 0) == 0) {
      end_file();
      name = line.substr(4);
    } else if (name.empty()) {
      unsigned long long first = 0, second = 0;
      std::sscanf(line.c_str(), "hwcap %llx %llx", &first, &second);
      hwcaps = {first, second};
    } else {
      text += line + "\n";
    }
  }
  end_file();
  return hwcaps;
}

std::vector<int> numbers(int count) {
  std::vector<int> list(static_cast<size_t>(count));
  std::iota(list.begin(), list.end(), 0);
  return list;
}

constexpr size_t kKilo = 1024;

struct Board {
  const char* dump;
  const char* name;
  int cpus;
  std::vector<int> big;
  const char* core;  // that of the big ones
  size_t l1, l2;
  const char* levels;  // on the architecture of the dump
};

const Board kBoards[] = {
    {"raspberry_pi_3",
     "Raspberry Pi 3 Model B Rev 1.2",
     4,
     {0, 1, 2, 3},
     "Cortex-A53",
     32 * kKilo,
     512 * kKilo,
     "neon"},
    {"raspberry_pi_zero_2w",
     "Raspberry Pi Zero 2 W Rev 1.0",
     4,
     {0, 1, 2, 3},
     "Cortex-A53",
     32 * kKilo,
     512 * kKilo,
     "neon"},
    {"raspberry_pi_4",
     "Raspberry Pi 4 Model B Rev 1.4",
     4,
     {0, 1, 2, 3},
     "Cortex-A72",
     32 * kKilo,
     1024 * kKilo,
     "neon"},
    {"raspberry_pi_5",
     "Raspberry Pi 5 Model B Rev 1.0",
     4,
     {0, 1, 2, 3},
     "Cortex-A76",
     64 * kKilo,
     512 * kKilo,
     "neon neon_dot"},
    {"jetson_nano",
     "NVIDIA Jetson Nano Developer Kit",
     4,
     {0, 1, 2, 3},
     "Cortex-A57",
     32 * kKilo,
     2048 * kKilo,
     "neon"},
    {"jetson_orin_nano",
     "NVIDIA Jetson Orin Nano Developer Kit",
     6,
     {0, 1, 2, 3, 4, 5},
     "Cortex-A78AE",
     64 * kKilo,
     256 * kKilo,
     "neon neon_dot"},
    {"rk3588",
     "Radxa ROCK 5B",
     8,
     {4, 5, 6, 7},
     "Cortex-A76",
     64 * kKilo,
     512 * kKilo,
     "neon neon_dot"},
    {"graviton2", "", 2, {0, 1}, "Neoverse-N1", 64 * kKilo, 1024 * kKilo, "neon neon_dot"},
    {"graviton3",
     "",
     2,
     {0, 1},
     "Neoverse-V1",
     64 * kKilo,
     1024 * kKilo,
     "neon neon_dot neon_i8mm"},
    {"raspberry_pi_3_32bit",
     "Raspberry Pi 3 Model B Rev 1.2",
     4,
     {0, 1, 2, 3},
     "Cortex-A53",
     32 * kKilo,
     512 * kKilo,
     "portable neon"},
    {"imx6_32bit", "SolidRun Cubox-i Dual/Quad", 4, {0, 1, 2, 3}, "Cortex-A9", 0, 0, "portable"},
};

TEST(hardware_of_boards) {
  for (const Board& board : kBoards) {
    Root root;
    [[maybe_unused]] const Hwcaps hwcaps = write_board(root, board.dump);
    const Hardware hardware = read_hardware(root.path());
    CHECK(hardware.name == board.name, "%s: %s", board.dump, hardware.name.c_str());
    CHECK(hardware.cpus.size() == static_cast<size_t>(board.cpus), "%s: %zu CPUs", board.dump,
          hardware.cpus.size());
    CHECK(hardware.big(numbers(board.cpus)) == board.big, "%s: big cores", board.dump);
    const Cpu* const big = hardware.find(board.big.front());
    CHECK(big != nullptr && core_name(big->type) == board.core, "%s: type of core", board.dump);
    CHECK(hardware.caches.l1 == board.l1 && hardware.caches.l2 == board.l2, "%s: %zu and %zu bytes",
          board.dump, hardware.caches.l1, hardware.caches.l2);
#if defined(__aarch64__) || defined(__arm__)
    const bool of_32_bit = std::strstr(board.dump, "32bit") != nullptr;
    if (of_32_bit != (sizeof(void*) == 4)) continue;
    std::string levels;
    for (Isa isa : isa_list(isa_of(hwcaps)))
      levels += std::string(levels.empty() ? "" : " ") + isa_name(isa);
    CHECK(levels == board.levels, "%s: %s", board.dump, levels.c_str());
#endif
  }
}

TEST(hardware_of_cores_that_differ) {
  for (const char* without : {"?", "cpu_capacity", "midr_el1", "cpuinfo_max_freq"}) {
    Root root;
    write_board(root, "rk3588", without);
    const Hardware hardware = read_hardware(root.path());
    CHECK(hardware.big(numbers(8)) == (std::vector<int>{4, 5, 6, 7}), "without %s", without);
    CHECK(hardware.big({0, 2}) == (std::vector<int>{0, 2}), "small cores alone, without %s",
          without);
    CHECK(hardware.big({3, 5}) == (std::vector<int>{5}), "one of each, without %s", without);
    CHECK(hardware.big({3, 77}) == (std::vector<int>{3, 77}), "an unknown one, without %s",
          without);
  }
  Root root;
  write_board(root, "rk3588", "cpu/cpu");  // types of cores alone
  CHECK(read_hardware(root.path()).big(numbers(8)) == (std::vector<int>{4, 5, 6, 7}), "by type");
}

TEST(hardware_that_tells_nothing_or_nonsense) {
  Root root;
  const Hardware nothing = read_hardware(root.path());
  CHECK(nothing.name.empty() && nothing.cpus.empty() && nothing.caches.l1 == 0, "no files");
  CHECK(nothing.big({0, 1}) == (std::vector<int>{0, 1}), "all CPUs are alike then");
  const GroupLimits none = read_group_limits(root.path());
  CHECK(none.cpus == 0 && none.memory == UINT64_MAX, "no control groups");

  root.write("/proc/device-tree/model", std::string("A board\0", 8));
  root.write("/proc/cpuinfo",
             "processor\t: 99999999999999999999\nCPU part\t: 0xd08\nprocessor : -1\nprocessor:1\n"
             "processor\t: 3\nCPU implementer\t: 0x41\nCPU part\t: 0xfff\n:\n\nCPU part :");
  root.write("/sys/devices/system/cpu/online", "0-1,3-2,x");
  root.write("/sys/devices/system/cpu/cpu3/cpu_capacity", "-5\n");
  root.write("/sys/devices/system/cpu/cpu3/cache/index0/level", "1\n");
  root.write("/sys/devices/system/cpu/cpu3/cache/index0/size", "many\n");
  root.write("/sys/devices/system/cpu/cpu0/cache/index0/size", "32K\n");  // of no level
  const Hardware nonsense = read_hardware(root.path());
  CHECK(nonsense.name == "A board", "%s", nonsense.name.c_str());
  CHECK(nonsense.cpus.size() == 3, "%zu CPUs", nonsense.cpus.size());
  const Cpu* const cpu = nonsense.find(3);
  CHECK(cpu != nullptr && core_name(cpu->type) == "ARM core 41:fff", "an unknown type");
  CHECK(nonsense.caches.l1 == 0 && nonsense.caches.l2 == 0, "no sizes");
  CHECK(nonsense.big(numbers(4)) == numbers(4), "all are alike");
}

TEST(hardware_of_control_groups) {
  struct Case {
    const char* what;
    std::vector<std::pair<const char*, const char*>> files;
    int cpus;
    uint64_t memory;
  };
  const Case cases[] = {
      {"version 2 in a container",
       {{"/sys/fs/cgroup/cpu.max", "150000 100000\n"}, {"/sys/fs/cgroup/memory.max", "max\n"}},
       1,
       UINT64_MAX},
      {"version 2, groups in groups",
       {{"/proc/self/cgroup", "0::/user.slice/job\n"},
        {"/sys/fs/cgroup/user.slice/cpu.max", "300000 100000\n"},
        {"/sys/fs/cgroup/user.slice/job/cpu.max", "max 100000\n"},
        {"/sys/fs/cgroup/user.slice/job/memory.max", "1000000\n"},
        {"/sys/fs/cgroup/user.slice/memory.max", "2000000\n"}},
       3,
       1000000},
      {"version 1",
       {{"/proc/self/cgroup", "5:cpuacct,cpu:/a\n4:memory:/a/b\n1:name=systemd:/\n"},
        {"/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "200000\n"},
        {"/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n"},
        {"/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "5000\n"},
        {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"}},
       2,
       5000},
      {"version 1 without a quota, the path of the host",
       {{"/proc/self/cgroup", "5:cpu:/docker/1234\n4:memory:/docker/1234\n"},
        {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"},
        {"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"},
        {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "7000\n"}},
       0,
       7000},
      {"less than a CPU", {{"/sys/fs/cgroup/cpu.max", "1000 100000"}}, 1, UINT64_MAX},
      {"nonsense",
       {{"/proc/self/cgroup", "0::no\n0::/../..\n7\n:::\n5:cpu:\n"},
        {"/sys/fs/cgroup/cpu.max", "100000 0\n"},
        {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000"},
        {"/sys/fs/cgroup/memory.max", "lots"}},
       0,
       UINT64_MAX},
  };
  for (const Case& c : cases) {
    Root root;
    for (const auto& [name, text] : c.files) root.write(name, text);
    const GroupLimits limits = read_group_limits(root.path());
    CHECK(limits.cpus == c.cpus, "%s: %d CPUs", c.what, limits.cpus);
    CHECK(limits.memory == c.memory, "%s: %llu bytes", c.what,
          static_cast<unsigned long long>(limits.memory));
  }
}

TEST(hardware_of_this_machine) {
  const std::vector<int> cpus = scheduled_cpus();
  CHECK(!cpus.empty() && std::is_sorted(cpus.begin(), cpus.end()), "CPUs");
  CHECK(usable_cpus() >= 1 && usable_cpus() <= static_cast<int>(cpus.size()), "%d", usable_cpus());
  CHECK(default_threads() >= 1 && default_threads() <= usable_cpus(), "%d", default_threads());
  CHECK(cache_sizes().l1 >= 4 * kKilo && cache_sizes().l2 >= 32 * kKilo, "caches");
  CHECK(usable_memory() > 0, "memory");
}

}  // namespace
}  // namespace edgert::test
