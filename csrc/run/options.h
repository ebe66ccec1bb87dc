// The command line of edgert-run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "api/edgert.h"

namespace edgert::run {

struct Options {
  std::string model;
  std::vector<std::string> inputs, outputs;  // [NAME=]FILE
  std::string output_folder;                 // empty: none
  std::string level;                         // empty: as the environment says
  int64_t threads = EDGERT_DEFAULT_THREADS;
  uint64_t memory_limit = EDGERT_ALL_MEMORY;
  uint32_t flags = 0;  // of edgert_load_options
  bool bench = false, bench_steps = false, json = false;
  double seconds = 3.0;
  uint64_t runs = 0;  // 0: as many as the seconds hold

  bool help = false, version = false;  // nothing else counts then
};

// Throws Failure with exit code 2.
Options parse_options(int argc, char** argv);

extern const char* const kHelp;

}  // namespace edgert::run
