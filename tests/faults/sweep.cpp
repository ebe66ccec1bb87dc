// Loads each model of the command line and runs it from two threads, with every request for memory,
// mappings and threads refused in turn, alone and with all that follow: each time there is an error
// that says so, or the right result, and afterwards the right result in the same process. Leaks are
// for LeakSanitizer to find.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "api/edgert.h"
#include "faults.h"

namespace edgert::test {
namespace {

struct Free {
  void operator()(edgert_model* model) const { edgert_free(model); }
};
using Model = std::unique_ptr<edgert_model, Free>;

enum class Outcome { kDone, kRefused, kWrong };

// Of a call that may be refused memory or threads; any other error is wrong.
Outcome outcome_of(edgert_status status) {
  if (status == EDGERT_OK) return Outcome::kDone;
  const bool told = std::strlen(edgert_last_error()) > 0 && std::strlen(edgert_last_rule()) > 0;
  return status == EDGERT_ERROR_RESOURCE && told ? Outcome::kRefused : Outcome::kWrong;
}

Outcome load(const char* path, Model& model) {
  edgert_load_options options = EDGERT_LOAD_OPTIONS_INIT;
  options.threads = 3;
  options.memory_limit = 1 << 30;
  edgert_model* loaded;
  const Outcome outcome = outcome_of(edgert_load(path, &options, &loaded));
  model.reset(loaded);
  return outcome;
}

// A model's inputs, always the same numbers, and room for its outputs.
class Arrays {
 public:
  explicit Arrays(const edgert_model* model) {
    edgert_info info = EDGERT_INFO_INIT;
    edgert_get_info(model, &info);
    edgert_tensor tensor = EDGERT_TENSOR_INIT;
    uint64_t state = 1;
    for (size_t i = 0; i < info.inputs; ++i) {
      edgert_get_input(model, i, &tensor);
      inputs_.emplace_back(tensor.bytes);
      fill(tensor.dtype, inputs_.back(), state);
      in_.push_back({inputs_.back().data(), tensor.bytes});
    }
    for (size_t i = 0; i < info.outputs; ++i) {
      edgert_get_output(model, i, &tensor);
      outputs_.emplace_back(tensor.bytes);
      out_.push_back({outputs_.back().data(), tensor.bytes});
    }
  }
  Outcome run(const edgert_model* model) {
    for (std::vector<char>& output : outputs_) std::fill(output.begin(), output.end(), 0x55);
    return outcome_of(edgert_run(model, in_.data(), in_.size(), out_.data(), out_.size(), nullptr));
  }
  const std::vector<std::vector<char>>& outputs() const { return outputs_; }

 private:
  static void fill(edgert_dtype dtype, std::vector<char>& array, uint64_t& state) {
    const size_t size = edgert_dtype_bytes(dtype);
    for (size_t at = 0; at < array.size(); at += size) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      const float value = static_cast<float>(state >> 40) * 0x1p-23f - 1;
      if (dtype == EDGERT_FLOAT32)
        std::memcpy(&array[at], &value, sizeof value);
      else if (size == 1)
        array[at] = static_cast<char>(state >> 56 & 1);
    }
  }

  std::vector<std::vector<char>> inputs_, outputs_;
  std::vector<edgert_input_array> in_;
  std::vector<edgert_output_array> out_;
};

// A thread that runs a model at the same time as the caller. It is there before the faults are.
class OtherThread {
 public:
  explicit OtherThread(const edgert_model* model) : arrays_(model), thread_([this] { work(); }) {}
  ~OtherThread() {
    state_ = kEnd;
    thread_.join();
  }
  void start(const edgert_model* model) {
    model_ = model;
    state_ = kRun;
  }
  Outcome wait() {
    while (state_ == kRun) std::this_thread::yield();
    return outcome_;
  }
  const Arrays& arrays() const { return arrays_; }

 private:
  enum State { kIdle, kRun, kEnd };

  void work() {
    for (;;) {
      while (state_ == kIdle) std::this_thread::yield();
      if (state_ == kEnd) return;
      outcome_ = arrays_.run(model_);
      state_ = kIdle;
    }
  }

  Arrays arrays_;
  const edgert_model* model_ = nullptr;
  Outcome outcome_ = Outcome::kDone;
  std::atomic<State> state_{kIdle};
  std::thread thread_;
};

bool sweep(const char* path) {
  Model model;
  if (load(path, model) != Outcome::kDone) return false;
  Arrays arrays(model.get());
  OtherThread other(model.get());
  if (arrays.run(model.get()) != Outcome::kDone) return false;
  const std::vector<std::vector<char>> expected = arrays.outputs();

  size_t points = 0, refusals = 0;
  for (FaultMode mode : {FaultMode::kOnce, FaultMode::kFromThenOn})
    for (size_t first = 0, requests = SIZE_MAX; first < requests; ++first, ++points) {
      const auto fail = [&](const char* what) {
        std::printf("%s: request %zu refused%s: %s\n", path, first,
                    mode == FaultMode::kOnce ? "" : " and all after it", what);
        return false;
      };
      model.reset();
      arm_faults(first, mode);
      Outcome outcomes[] = {load(path, model), Outcome::kDone};
      if (model) {
        other.start(model.get());
        outcomes[0] = arrays.run(model.get());
        outcomes[1] = other.wait();
      }
      requests = disarm_faults();
      const Arrays* const results[] = {&arrays, &other.arrays()};
      for (int i = 0; i < 2; ++i) {
        if (outcomes[i] == Outcome::kWrong) return fail("another error than that of a resource");
        if (model && outcomes[i] == Outcome::kDone && results[i]->outputs() != expected)
          return fail("a wrong result");
        refusals += outcomes[i] == Outcome::kRefused;
      }
      if (!model && load(path, model) != Outcome::kDone) return fail("no model afterwards");
      if (arrays.run(model.get()) != Outcome::kDone || arrays.outputs() != expected)
        return fail("a wrong result afterwards");
    }
  std::printf("%s: %zu requests refused, %zu errors\n", path, points, refusals);
  return points > 0 && refusals > 0;
}

}  // namespace
}  // namespace edgert::test

int main(int argc, char** argv) {
  bool good = argc > 1;
  for (int i = 1; i < argc; ++i) good = edgert::test::sweep(argv[i]) && good;
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
