// A small test harness: registered tests, checks that say what they found, memory with guard pages.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "core/cpu.h"
#include "core/error.h"
#include "kernels/kernel.h"

namespace edgert::test {

struct Test {
  const char* name;
  void (*run)();
};
std::vector<Test>& tests();
void fail(const char* file, int line, const std::string& what);
int failures();

struct Registration {
  Registration(const char* name, void (*run)()) { tests().push_back({name, run}); }
};

#define TEST(name)                                                                 \
  static void test_##name();                                                       \
  static const edgert::test::Registration registration_##name(#name, test_##name); \
  static void test_##name()

// CHECK(condition, "printf format", ...): the message says which case failed.
#define CHECK(condition, ...)                                                                \
  do {                                                                                       \
    if (!(condition))                                                                        \
      edgert::test::fail(__FILE__, __LINE__, #condition ": " + edgert::format(__VA_ARGS__)); \
  } while (0)

// xorshift64*; the same numbers on every machine.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u + 1) {}
  uint64_t bits() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1Du;
  }
  int integer(int low, int high) {  // both inclusive
    return low + static_cast<int>(bits() % static_cast<uint64_t>(high - low + 1));
  }
  float uniform(float low, float high) {
    return low + (high - low) * static_cast<float>(bits() >> 40) * 0x1p-24f;
  }

 private:
  uint64_t state_;
};

enum class Guard { kFront, kBack };  // the side on which the elements touch an inaccessible page

// Elements flush against an inaccessible page: an access beyond them on that side is a crash.
// Everything starts as 0xFF bytes (NaN for floats).
template <typename T>
class GuardedArray {
 public:
  explicit GuardedArray(size_t count, Guard guard = Guard::kBack) : count_(count) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t body = (count * sizeof(T) + page - 1) / page * page;
    bytes_ = body + 2 * page;
    void* map = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) std::abort();
    map_ = static_cast<char*>(map);
    std::memset(map_ + page, 0xFF, body);
    if (mprotect(map_, page, PROT_NONE) != 0 || mprotect(map_ + page + body, page, PROT_NONE) != 0)
      std::abort();
    const size_t slack = guard == Guard::kBack ? body - count * sizeof(T) : 0;
    data_ = reinterpret_cast<T*>(map_ + page + slack);
  }
  ~GuardedArray() { munmap(map_, bytes_); }
  GuardedArray(const GuardedArray&) = delete;
  GuardedArray& operator=(const GuardedArray&) = delete;

  T* data() { return data_; }
  size_t size() const { return count_; }
  T& operator[](size_t i) { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + count_; }

 private:
  char* map_;
  size_t bytes_, count_;
  T* data_;
};

template <typename Array>
void fill_uniform(Array& array, Random& random, float low = -1.0f, float high = 1.0f) {
  for (auto& x : array) x = random.uniform(low, high);
}

// Whether this machine can run a kernel of the level, EDGERT_ISA considered.
inline bool can_run(Isa isa) { return cpu_isa().has(isa); }

// The kernels of a family that this machine can run, weakest first.
template <typename Arguments>
std::vector<Kernel<Arguments>> kernels(Kernel<Arguments> LevelKernels::* family) {
  std::vector<Kernel<Arguments>> list;
  for (Isa isa : isa_list(cpu_isa()))
    if (const LevelKernels* const level = level_kernels(isa)) list.push_back(level->*family);
  return list;
}

// Whether floats at a level are results of multiply-adds that round once.
inline bool is_fused(Isa isa) {
  const LevelKernels* const level = level_kernels(isa);
  return level == nullptr || level->fused;
}

// Of the results of one computation by several kernels: those that round a * b + c once have the
// same bits, and so have those that round it twice.
class FusedBits {
 public:
  void check(Isa isa, const char* kernel, const float* y, size_t n) {
    std::vector<float>& first = first_[is_fused(isa)];
    if (first.empty()) first.assign(y, y + n);
    CHECK(n == 0 || std::memcmp(first.data(), y, n * sizeof(float)) == 0,
          "%s: other bits than the other kernels that round alike", kernel);
  }

 private:
  std::vector<float> first_[2];
};

}  // namespace edgert::test
