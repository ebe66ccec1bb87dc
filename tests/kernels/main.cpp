// Runs every test, or those whose name contains the first argument.
#include <cstdlib>

#include "harness.h"

namespace edgert::test {

namespace {
int failure_count = 0;
}

std::vector<Test>& tests() {
  static std::vector<Test> list;
  return list;
}

void fail(const char* file, int line, const std::string& what) {
  if (++failure_count <= 50) std::printf("%s:%d: %s\n", file, line, what.c_str());
}

int failures() { return failure_count; }

}  // namespace edgert::test

int main(int argc, char** argv) {
  using namespace edgert::test;
  int run = 0, failed = 0;
  for (const Test& test : tests()) {
    if (argc > 1 && std::strstr(test.name, argv[1]) == nullptr) continue;
    const int before = failures();
    test.run();
    ++run;
    if (failures() == before) continue;
    std::printf("FAILED %s\n", test.name);
    ++failed;
  }
  std::printf("%d tests, %d failed\n", run, failed);
  return failed == 0 && run > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
