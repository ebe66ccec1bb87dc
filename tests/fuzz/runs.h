// The ways to run a model, all of which must give the same.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "guarded_array.h"
#include "random.h"
#include "runtime/session.h"

namespace edgert::fuzz {

// Arrays whose ends touch inaccessible memory.
using Arrays = std::vector<std::unique_ptr<test::GuardedArray<char>>>;

struct Result {
  std::string way;
  Arrays outputs;
  std::string error;  // the rule of the error with which the run ended, or empty
};

class Runs {
 public:
  // Makes inputs, which are read-only, out of the bytes of the model's file.
  Runs(const Model& model, const uint8_t* data, size_t size);

  Result run(const Session& session, const std::string& way, bool timed = false);
  // Runs the steps of a session, each tensor and the scratch memory in a block of its own.
  Result run_apart(const Session& session, const std::string& way);

  // Ends the process if two results differ. Of those that do not round sums of products alike, not
  // `fused`, only integers that must be the same everywhere are compared.
  void compare(const Result& a, const Result& b, bool fused) const;

 private:
  Result result(const std::string& way, const std::function<void(void* const*)>& run);
  Arrays arrays(const std::vector<uint32_t>& tensors);
  void fill(test::GuardedArray<char>& array, DType dtype, const uint8_t* data, size_t size);

  const Model& model_;
  test::Random random_;
  std::vector<bool> exact_;  // of each tensor
  Arrays inputs_;
};

}  // namespace edgert::fuzz
