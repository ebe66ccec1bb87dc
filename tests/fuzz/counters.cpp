#include "counters.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

namespace edgert::fuzz {
namespace {

Counters* map_counters() {
  const char* const path = std::getenv("EDGERT_FUZZ_COUNTERS");
  if (path == nullptr) return new Counters();
  const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0 || ftruncate(file, sizeof(Counters)) != 0) std::abort();
  void* const map = mmap(nullptr, sizeof(Counters), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (map == MAP_FAILED) std::abort();
  close(file);
  return static_cast<Counters*>(map);
}

}  // namespace

Counters& counters() {
  static Counters* const map = map_counters();
  return *map;
}

// Rules of the format stand at the end of the message, as [F12].
void count_error(const Error& error) {
  if (error.code() == ErrorCode::kLimit && std::strcmp(error.rule(), "MEMORY") == 0) {
    ++counters().over_limit;
    return;
  }
  const std::string text = error.what();
  const size_t place = text.rfind("[F");
  const bool numbered = place != std::string::npos && text.back() == ']';
  const int rule = numbered ? std::atoi(text.c_str() + place + 2) : 0;
  ++counters().refused[static_cast<size_t>(rule) % Counters::kRules];
}

}  // namespace edgert::fuzz
