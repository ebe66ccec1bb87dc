#include "run/options.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "core/text.h"
#include "run/errors.h"

namespace edgert::run {

const char* const kHelp =
    R"(usage: edgert-run MODEL.edgert [options]

Runs a model once, on inputs from files or on reproducible random ones, and prints a summary of each
output, and the best classes of those that are one row of scores.

  -i, --input [NAME=]FILE   an input: .npy, or else its bytes as they are; repeatable. NAME may be
                            left out if there is one input
  -o, --output [NAME=]FILE  write an output: to .npy, or else its bytes as they are; repeatable
      --output-dir FOLDER   write all outputs to FOLDER/NUMBER_NAME.npy
      --threads N           threads to use (default: all usable CPUs)
      --map                 use the weights in the mapped file, which must not change
      --verify              with --map: compare the checksum of the weights, too
      --memory-limit BYTES  most private memory (default: what this process may use)
      --isa LEVEL           highest instruction set level to use, as EDGERT_ISA in the environment
      --bench               measure the latency of runs after a warm-up
      --bench-steps         the time of each step, too, in runs of their own
      --seconds S           time to measure (default: 3)
      --runs N              runs to measure, not seconds
      --json                print JSON instead of text
      --version, --help

Exit code: 0, 1 for errors, 2 for arguments that make no sense.
)";

namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw Failure(what + "; see edgert-run --help", 2);
}

uint64_t number(const char* option, const char* text) {
  errno = 0;
  char* end;
  const unsigned long long value = std::strtoull(text, &end, 10);
  if (*text < '0' || *text > '9' || *end != '\0' || errno != 0)
    refuse(std::string(option) + " is " + quoted(text) + ", expected a whole number");
  return value;
}

uint64_t positive(const char* option, const char* text, uint64_t most) {
  const uint64_t value = number(option, text);
  if (value < 1) refuse(std::string(option) + " is 0, expected a positive number");
  return value < most ? value : most;
}

double seconds(const char* text) {
  char* end;
  const double value = std::strtod(text, &end);
  if (end == text || *end != '\0' || !(value >= 0 && value <= 1e9))
    refuse("--seconds is " + quoted(text) + ", expected a number of seconds");
  return value;
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  bool only_files = false;  // behind "--"
  for (int i = 1; i < argc; ++i) {
    const char* const word = argv[i];
    const auto is = [&](const char* name) { return std::strcmp(word, name) == 0; };
    const auto value = [&] {
      if (++i >= argc) refuse(std::string(word) + " lacks its value");
      return argv[i];
    };
    if (only_files || word[0] != '-') {
      if (!options.model.empty()) refuse("one model at a time, found also " + quoted(word));
      if (*word == '\0') refuse("the name of the model is empty");
      options.model = word;
    } else if (is("--")) {
      only_files = true;
    } else if (is("-i") || is("--input")) {
      options.inputs.emplace_back(value());
    } else if (is("-o") || is("--output")) {
      options.outputs.emplace_back(value());
    } else if (is("--output-dir")) {
      options.output_folder = value();
      if (options.output_folder.empty()) refuse("the name of the folder is empty");
    } else if (is("--threads")) {
      options.threads = static_cast<int64_t>(positive(word, value(), INT64_MAX));
    } else if (is("--map")) {
      options.flags |= EDGERT_MAP;
    } else if (is("--verify")) {
      options.flags |= EDGERT_VERIFY;
    } else if (is("--memory-limit")) {
      options.memory_limit = number(word, value());
    } else if (is("--isa")) {
      options.level = value();
    } else if (is("--bench")) {
      options.bench = true;
    } else if (is("--bench-steps")) {
      options.bench = options.bench_steps = true;
    } else if (is("--seconds")) {
      options.seconds = seconds(value());
    } else if (is("--runs")) {
      options.runs = positive(word, value(), SIZE_MAX);
    } else if (is("--json")) {
      options.json = true;
    } else if (is("--help") || is("-h")) {
      options.help = true;
    } else if (is("--version")) {
      options.version = true;
    } else {
      refuse("unknown option " + quoted(word));
    }
  }
  if (options.model.empty() && !options.help && !options.version) refuse("which model?");
  return options;
}

}  // namespace edgert::run
