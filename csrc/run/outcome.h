// What the program has found out, and how it says that.
#pragma once

#include <string>
#include <vector>

#include "api/edgert.h"
#include "run/npy.h"
#include "run/options.h"

namespace edgert::run {

// An input or output of the model, and its array.
struct Tensor {
  edgert_tensor info = EDGERT_TENSOR_INIT;
  Bytes elements;
  std::string file;  // that it comes from or goes to, or empty
};

struct Outcome {
  edgert_info info = EDGERT_INFO_INIT;
  std::vector<Tensor> inputs, outputs;
  double load_ms = 0, first_run_ms = 0;
  edgert_bench_result bench = EDGERT_BENCH_RESULT_INIT;  // without runs if nothing was measured
  std::vector<edgert_step> steps;                        // if they were measured
  std::vector<double> step_ms;
};

std::string text_of(const Options& options, const Outcome& outcome);
std::string json_of(const Options& options, const Outcome& outcome);

}  // namespace edgert::run
