// What became of the inputs, counted where a crash does not lose it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/error.h"
#include "schema/enums.h"

namespace edgert::fuzz {

// The layout is that of COUNTERS in tools/fuzz.py.
struct Counters {
  static constexpr size_t kRules = 64, kOps = 64;

  std::atomic<uint64_t> files;            // given to load_model
  std::atomic<uint64_t> loaded;           // accepted by it
  std::atomic<uint64_t> over_limit;       // too large for memory_limit
  std::atomic<uint64_t> too_large;        // accepted, and no more
  std::atomic<uint64_t> bound;            // to kernels, and not run
  std::atomic<uint64_t> run;              // run to the end, in all ways
  std::atomic<uint64_t> failed;           // with a typed error from the run
  std::atomic<uint64_t> refused[kRules];  // by number of the rule; 0: by an operator
  std::atomic<uint64_t> op_loaded[kOps];  // by id: nodes in files that were accepted
  std::atomic<uint64_t> op_run[kOps];     // and in such that were run
};

// In the file that EDGERT_FUZZ_COUNTERS names, which several processes may share.
Counters& counters();

// Counts a file that load or bind refused.
void count_error(const Error& error);

}  // namespace edgert::fuzz
