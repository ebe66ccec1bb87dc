// A small test harness: registered tests, checks that say what they found.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "core/cpu.h"
#include "core/error.h"
#include "guarded_array.h"
#include "kernels/kernel.h"
#include "random.h"

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
