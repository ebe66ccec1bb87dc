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
#include <new>
#include <thread>
#include <vector>

#include "core/error.h"
#include "faults.h"
#include "runtime/model_file.h"
#include "runtime/session.h"

namespace edgert::test {
namespace {

constexpr int kThreads = 3;

std::unique_ptr<Session> load(const char* path) {
  const LoadOptions options = {cpu_isa(), size_t{1} << 30};
  return std::make_unique<Session>(load_model(path, options), kThreads, options.isa,
                                   options.memory_limit);
}

// A model's inputs, always the same numbers, and room for its outputs.
class Arrays {
 public:
  explicit Arrays(const Model& model) {
    uint64_t state = 1;
    for (uint32_t t : model.inputs) {
      const TensorType& type = model.tensors[t].type;
      inputs_.emplace_back(type.bytes() + 1);
      in_.push_back(inputs_.back().data());
      for (size_t i = 0; i < type.shape.elements(); ++i) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const float value = static_cast<float>(state >> 40) * 0x1p-23f - 1;
        if (type.dtype == DType::f32)
          std::memcpy(inputs_.back().data() + 4 * i, &value, sizeof value);
        else if (dtype_bytes(type.dtype) == 1)
          inputs_.back()[i] = static_cast<char>(state >> 56 & 1);
      }
    }
    for (uint32_t t : model.outputs) {
      outputs_.emplace_back(model.tensors[t].type.bytes() + 1);
      out_.push_back(outputs_.back().data());
    }
  }
  void run(const Session& session) {
    for (std::vector<char>& output : outputs_) std::fill(output.begin(), output.end(), 0x55);
    session.run(in_.data(), out_.data());
  }
  const std::vector<std::vector<char>>& outputs() const { return outputs_; }

 private:
  std::vector<std::vector<char>> inputs_, outputs_;
  std::vector<const void*> in_;
  std::vector<void*> out_;
};

enum class Outcome { kDone, kRefused, kWrong };

// Does something that may be refused memory or threads; any other error is wrong.
template <typename Work>
Outcome outcome_of(const Work& work) {
  try {
    work();
    return Outcome::kDone;
  } catch (const Error& error) {
    return error.code() == ErrorCode::kResource ? Outcome::kRefused : Outcome::kWrong;
  } catch (const std::bad_alloc&) {
    return Outcome::kRefused;
  } catch (...) {
    return Outcome::kWrong;
  }
}

// A thread that runs a session at the same time as the caller. It is there before the faults are.
class OtherThread {
 public:
  explicit OtherThread(const Model& model) : arrays_(model), thread_([this] { work(); }) {}
  ~OtherThread() {
    state_ = kEnd;
    thread_.join();
  }
  void start(const Session& session) {
    session_ = &session;
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
      outcome_ = outcome_of([this] { arrays_.run(*session_); });
      state_ = kIdle;
    }
  }

  Arrays arrays_;
  const Session* session_ = nullptr;
  Outcome outcome_ = Outcome::kDone;
  std::atomic<State> state_{kIdle};
  std::thread thread_;
};

bool sweep(const char* path) {
  std::unique_ptr<Session> session = load(path);
  Arrays arrays(session->model());
  OtherThread other(session->model());
  arrays.run(*session);
  const std::vector<std::vector<char>> expected = arrays.outputs();

  size_t points = 0, refusals = 0;
  for (FaultMode mode : {FaultMode::kOnce, FaultMode::kFromThenOn})
    for (size_t first = 0, requests = SIZE_MAX; first < requests; ++first, ++points) {
      const auto fail = [&](const char* what) {
        std::printf("%s: request %zu refused%s: %s\n", path, first,
                    mode == FaultMode::kOnce ? "" : " and all after it", what);
        return false;
      };
      session.reset();
      arm_faults(first, mode);
      Outcome outcomes[] = {outcome_of([&] { session = load(path); }), Outcome::kDone};
      if (session) {
        other.start(*session);
        outcomes[0] = outcome_of([&] { arrays.run(*session); });
        outcomes[1] = other.wait();
      }
      requests = disarm_faults();
      const Arrays* const results[] = {&arrays, &other.arrays()};
      for (int i = 0; i < 2; ++i) {
        if (outcomes[i] == Outcome::kWrong) return fail("another error than that of a resource");
        if (session && outcomes[i] == Outcome::kDone && results[i]->outputs() != expected)
          return fail("a wrong result");
        refusals += outcomes[i] == Outcome::kRefused;
      }
      if (!session) session = load(path);
      arrays.run(*session);
      if (arrays.outputs() != expected) return fail("a wrong result afterwards");
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
