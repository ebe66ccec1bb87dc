// edgert-run: runs a model without Python. What it does with the model it does through the C API.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>

#include "run/errors.h"
#include "run/files.h"
#include "run/npy.h"
#include "run/options.h"
#include "run/outcome.h"
#include "run/values.h"

namespace edgert::run {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

struct Free {
  void operator()(edgert_model* model) const { edgert_free(model); }
};
using Model = std::unique_ptr<edgert_model, Free>;

Model load(const Options& options, Outcome& outcome) {
  if (!options.level.empty() && setenv("EDGERT_ISA", options.level.c_str(), 1) != 0)
    throw Failure("--isa cannot be set");
  edgert_load_options load = EDGERT_LOAD_OPTIONS_INIT;
  load.threads = options.threads;
  load.memory_limit = options.memory_limit;
  load.flags = options.flags;
  edgert_model* model = nullptr;
  const Clock::time_point start = Clock::now();
  require_ok(edgert_load(options.model.c_str(), &load, &model));
  outcome.load_ms = milliseconds_since(start);
  return Model(model);
}

void describe(const edgert_model* model, Outcome& outcome) {
  require_ok(edgert_get_info(model, &outcome.info));
  outcome.inputs.resize(outcome.info.inputs);
  outcome.outputs.resize(outcome.info.outputs);
  for (size_t i = 0; i < outcome.inputs.size(); ++i)
    require_ok(edgert_get_input(model, i, &outcome.inputs[i].info));
  for (size_t i = 0; i < outcome.outputs.size(); ++i)
    require_ok(edgert_get_output(model, i, &outcome.outputs[i].info));
}

bool is_npy(const std::string& path) {
  return path.size() >= 4 && path.compare(path.size() - 4, 4, ".npy") == 0;
}

Bytes elements_of(const Tensor& input, uint64_t& random) {
  if (input.file.empty()) return random_elements(input.info, random);
  return is_npy(input.file) ? read_npy(input.file, input.info) : read_raw(input.file, input.info);
}

void write(const Tensor& output) {
  if (output.file.empty()) return;
  if (is_npy(output.file))
    write_npy(output.file, output.info, output.elements);
  else
    write_raw(output.file, output.elements);
}

void execute(const Options& options) {
  Outcome outcome;
  const Model model = load(options, outcome);
  describe(model.get(), outcome);
  choose_files(options, outcome);

  std::vector<edgert_input_array> in;
  std::vector<edgert_output_array> out;
  uint64_t random = 0;
  for (Tensor& input : outcome.inputs) {
    input.elements = elements_of(input, random);
    in.push_back({input.elements.data(), input.elements.size()});
  }
  for (Tensor& output : outcome.outputs) {
    output.elements.resize(output.info.bytes);
    out.push_back({output.elements.data(), output.elements.size()});
  }
  const Clock::time_point start = Clock::now();
  require_ok(edgert_run(model.get(), in.data(), in.size(), out.data(), out.size(), nullptr));
  outcome.first_run_ms = milliseconds_since(start);
  for (const Tensor& output : outcome.outputs) write(output);

  if (options.bench) {
    edgert_bench_options bench = EDGERT_BENCH_OPTIONS_INIT;
    bench.seconds = options.seconds;
    bench.runs = static_cast<size_t>(options.runs);
    if (options.bench_steps) {
      outcome.steps.resize(outcome.info.steps, edgert_step EDGERT_STEP_INIT);
      for (size_t i = 0; i < outcome.steps.size(); ++i)
        require_ok(edgert_get_step(model.get(), i, &outcome.steps[i]));
      outcome.step_ms.resize(outcome.steps.size());
      bench.step_ms = outcome.step_ms.data();
      bench.steps = outcome.step_ms.size();
    }
    require_ok(edgert_bench(model.get(), in.data(), in.size(), out.data(), out.size(), &bench,
                            &outcome.bench));
  }
  const std::string text = options.json ? json_of(options, outcome) : text_of(options, outcome);
  std::fputs(text.c_str(), stdout);
}

int run(int argc, char** argv) {
  try {
    const Options options = parse_options(argc, argv);
    if (options.help)
      std::fputs(kHelp, stdout);
    else if (options.version)
      std::printf("edgert-run %s\n", edgert_version());
    else
      execute(options);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
      throw Failure("cannot write to the standard output");
    return 0;
  } catch (const Failure& failure) {
    std::fprintf(stderr, "edgert-run: %s\n", failure.what());
    return failure.exit_code();
  } catch (const std::bad_alloc&) {
    std::fputs("edgert-run: RESOURCE: out of memory\n", stderr);
    return 1;
  }
}

}  // namespace
}  // namespace edgert::run

int main(int argc, char** argv) { return edgert::run::run(argc, argv); }
