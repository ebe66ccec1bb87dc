// edgert-run: runs a model without Python. What it does with the model it does through the C API.
#include <sys/stat.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>

#include "core/text.h"
#include "run/errors.h"
#include "run/npy.h"
#include "run/options.h"
#include "run/report.h"
#include "run/values.h"

namespace edgert::run {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// An input or output of the model, and its array.
struct Tensor {
  edgert_tensor info;
  Bytes elements;
  std::string file;  // that it comes from or goes to, or empty
};

bool is_npy(const std::string& path) {
  return path.size() >= 4 && path.compare(path.size() - 4, 4, ".npy") == 0;
}

// Gives each "[NAME=]FILE" to the tensor that it names, or to the only one.
void assign_files(const std::vector<std::string>& specs, const char* role,
                  std::vector<Tensor>& tensors) {
  for (const std::string& spec : specs) {
    Tensor* found = nullptr;
    for (Tensor& tensor : tensors) {
      const std::string prefix = std::string(tensor.info.name) + "=";
      // Names may have "=": the longest that fits is meant.
      if (spec.compare(0, prefix.size(), prefix) == 0 &&
          (found == nullptr || prefix.size() > std::string(found->info.name).size() + 1))
        found = &tensor;
    }
    const bool named = found != nullptr;
    if (!named && tensors.size() == 1 && spec.find('=') == std::string::npos) found = &tensors[0];
    if (found == nullptr) {
      std::string names;
      for (const Tensor& tensor : tensors)
        names += (names.empty() ? "" : ", ") + quoted(tensor.info.name);
      throw Failure(quoted(spec) + " names no " + role + " of the model; it has " + names +
                    ", give " + role + "s as NAME=FILE");
    }
    if (!found->file.empty())
      throw Failure(std::string(role) + " " + quoted(found->info.name) + " is given twice");
    found->file = named ? spec.substr(std::string(found->info.name).size() + 1) : spec;
    if (found->file.empty())
      throw Failure(std::string(role) + " " + quoted(found->info.name) + " lacks its file");
  }
}

// What is safe as the name of a file on every system, whoever chose the name of the tensor.
std::string file_name(size_t index, const std::string& name) {
  std::string text = std::to_string(index) + "_";
  for (char c : name.substr(0, 100)) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '.' || c == '-' || c == '_';
    text += plain ? c : '_';
  }
  return text + ".npy";
}

bool same_file(const std::string& a, const std::string& b) {
  struct stat of_a, of_b;
  return stat(a.c_str(), &of_a) == 0 && stat(b.c_str(), &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
         of_a.st_ino == of_b.st_ino;
}

class Program {
 public:
  explicit Program(const Options& options) : options_(options) {}

  void execute() {
    load();
    choose_files();
    uint64_t random = 0;
    for (Tensor& input : inputs_) input.elements = elements_of(input, random);
    for (Tensor& output : outputs_) output.elements.resize(output.info.bytes);
    for (const Tensor& input : inputs_)
      in_.push_back({input.elements.data(), input.elements.size()});
    for (Tensor& output : outputs_)
      out_.push_back({output.elements.data(), output.elements.size()});
    const Clock::time_point start = Clock::now();
    require_ok(edgert_run(model_.get(), in_.data(), in_.size(), out_.data(), out_.size(), nullptr));
    first_run_ms_ = milliseconds_since(start);
    for (const Tensor& output : outputs_) write(output);
    if (options_.bench) bench();
    const std::string text = options_.json ? json() : report();
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
      throw Failure("cannot write to the standard output");
  }

 private:
  struct Free {
    void operator()(edgert_model* model) const { edgert_free(model); }
  };

  void load() {
    if (!options_.level.empty() && setenv("EDGERT_ISA", options_.level.c_str(), 1) != 0)
      throw Failure("--isa cannot be set");
    edgert_load_options load = EDGERT_LOAD_OPTIONS_INIT;
    load.threads = options_.threads;
    load.memory_limit = options_.memory_limit;
    load.flags = options_.flags;
    const Clock::time_point start = Clock::now();
    edgert_model* model = nullptr;
    require_ok(edgert_load(options_.model.c_str(), &load, &model));
    load_ms_ = milliseconds_since(start);
    model_.reset(model);
    require_ok(edgert_get_info(model, &info_));
    inputs_.resize(info_.inputs);
    outputs_.resize(info_.outputs);
    for (size_t i = 0; i < inputs_.size(); ++i) {
      inputs_[i].info = EDGERT_TENSOR_INIT;
      require_ok(edgert_get_input(model, i, &inputs_[i].info));
    }
    for (size_t i = 0; i < outputs_.size(); ++i) {
      outputs_[i].info = EDGERT_TENSOR_INIT;
      require_ok(edgert_get_output(model, i, &outputs_[i].info));
    }
  }

  // No output takes the place of what is read, or of another output.
  void choose_files() {
    assign_files(options_.inputs, "input", inputs_);
    assign_files(options_.outputs, "output", outputs_);
    if (!options_.output_folder.empty())
      for (size_t i = 0; i < outputs_.size(); ++i)
        if (outputs_[i].file.empty())
          outputs_[i].file = options_.output_folder + "/" + file_name(i, outputs_[i].info.name);
    std::vector<std::string> taken = {options_.model};
    for (const Tensor& input : inputs_)
      if (!input.file.empty()) taken.push_back(input.file);
    for (const Tensor& output : outputs_) {
      if (output.file.empty()) continue;
      for (const std::string& other : taken)
        if (other == output.file || same_file(other, output.file))
          throw Failure(printable(output.file) +
                        " is read, or written, already: another output "
                        "must not take its place");
      taken.push_back(output.file);
    }
  }

  static Bytes elements_of(const Tensor& input, uint64_t& random) {
    if (input.file.empty()) return random_elements(input.info, random);
    return is_npy(input.file) ? read_npy(input.file, input.info) : read_raw(input.file, input.info);
  }

  static void write(const Tensor& output) {
    if (output.file.empty()) return;
    if (is_npy(output.file))
      write_npy(output.file, output.info, output.elements);
    else
      write_raw(output.file, output.elements);
  }

  void bench() {
    edgert_bench_options options = EDGERT_BENCH_OPTIONS_INIT;
    options.seconds = options_.seconds;
    options.runs = static_cast<size_t>(options_.runs);
    step_ms_.resize(options_.bench_steps ? info_.steps : 0);
    options.step_ms = options_.bench_steps ? step_ms_.data() : nullptr;
    options.steps = step_ms_.size();
    require_ok(edgert_bench(model_.get(), in_.data(), in_.size(), out_.data(), out_.size(),
                            &options, &bench_));
  }

  edgert_step step(size_t i) const {
    edgert_step step = EDGERT_STEP_INIT;
    require_ok(edgert_get_step(model_.get(), i, &step));
    return step;
  }

  uint64_t memory() const {
    return info_.file_copied + info_.weights_repacked + info_.tables + info_.arena;
  }

  std::string report() const {
    std::string text = printable(options_.model) + ": threads: " + std::to_string(info_.threads) +
                       ", instruction set: " + info_.level + "\n\n";
    std::vector<Row> rows;
    for (const Tensor& input : inputs_)
      rows.push_back({printable(input.info.name), edgert_dtype_name(input.info.dtype),
                      dims_text(input.info),
                      input.file.empty() ? "random" : printable(input.file)});
    if (!rows.empty()) text += table(rows, {"input", "dtype", "shape", "from"}) + "\n";
    rows.clear();
    std::string highest;
    for (const Tensor& output : outputs_) {
      const Summary summary = summarize(output.info, output.elements);
      const auto statistic = [&](double value) {
        return summary.finite == 0 ? std::string("-") : number_text(value);
      };
      rows.push_back({printable(output.info.name), edgert_dtype_name(output.info.dtype),
                      dims_text(output.info), statistic(summary.min), statistic(summary.mean),
                      statistic(summary.max), std::to_string(summary.not_finite)});
      std::vector<Row> top;
      for (const auto& [index, value] : summary.top)
        top.push_back({std::to_string(index), number_text(value)});
      if (!top.empty())
        highest += "\nHighest of " + printable(output.info.name) + ":\n\n" +
                   table(top, {"index", "value"});
    }
    text += table(rows, {"output", "dtype", "shape", "min", "mean", "max", "not finite"}) + highest;
    for (const Tensor& output : outputs_)
      if (!output.file.empty())
        text +=
            "\n" + printable(output.info.name) + " is written to " + printable(output.file) + "\n";
    if (!options_.bench)
      return text + "\nOne cold run: " + milliseconds_text(first_run_ms_) +
             "; --bench measures properly.\n";
    return text + "\n" + bench_report();
  }

  std::string bench_report() const {
    std::string text = std::to_string(bench_.runs) + " runs\n\n" +
                       table({{"median", milliseconds_text(bench_.median_ms)},
                              {"95th percentile", milliseconds_text(bench_.p95_ms)},
                              {"fastest", milliseconds_text(bench_.min_ms)},
                              {"load", milliseconds_text(load_ms_)},
                              {"first run", milliseconds_text(first_run_ms_)},
                              {"memory", bytes_text(memory())}});
    if (step_ms_.empty()) return text;
    double total = 0;
    for (double ms : step_ms_) total += ms;
    std::vector<Row> rows;
    for (size_t i = 0; i < step_ms_.size(); ++i) {
      char share[16];
      std::snprintf(share, sizeof share, "%.1f%%", total > 0 ? 100 * step_ms_[i] / total : 0.0);
      rows.push_back({printable(step(i).name), step(i).op, step(i).kernel,
                      milliseconds_text(step_ms_[i]), share});
    }
    return text + "\n" + table(rows, {"step", "operator", "kernel", "median", "share"});
  }

  std::string json() const {
    Json json;
    json.begin('{');
    json.key("model").value(options_.model);
    json.key("threads").count(static_cast<uint64_t>(info_.threads));
    json.key("isa").value(info_.level);
    json.key("inputs").begin('[');
    for (const Tensor& input : inputs_) {
      describe(json, input);
      json.end('}');
    }
    json.end(']').key("outputs").begin('[');
    for (const Tensor& output : outputs_) {
      const Summary summary = summarize(output.info, output.elements);
      const auto statistic = [&](const char* name, double value) {
        json.key(name);
        summary.finite == 0 ? json.null() : json.value(value);
      };
      describe(json, output);
      statistic("min", summary.min);
      statistic("mean", summary.mean);
      statistic("max", summary.max);
      json.key("not finite").count(summary.not_finite);
      json.key("top").begin('[');
      for (const auto& [index, value] : summary.top) {
        json.begin('{').key("index").count(index).key("value").value(value);
        json.end('}');
      }
      json.end(']').end('}');
    }
    json.end(']');
    json.key("load_ms").value(load_ms_).key("first_run_ms").value(first_run_ms_);
    json.key("memory").begin('{');
    json.key("file_copied").count(info_.file_copied);
    json.key("weights_mapped").count(info_.weights_mapped);
    json.key("weights_repacked").count(info_.weights_repacked);
    json.key("tables").count(info_.tables);
    json.key("arena").count(info_.arena);
    json.key("scratch").count(info_.scratch).end('}');
    if (options_.bench) {
      json.key("runs").count(bench_.runs).key("median_ms").value(bench_.median_ms);
      json.key("p95_ms").value(bench_.p95_ms).key("min_ms").value(bench_.min_ms);
    }
    if (!step_ms_.empty()) {
      json.key("profile").begin('[');
      for (size_t i = 0; i < step_ms_.size(); ++i) {
        json.begin('{').key("step").value(step(i).name).key("op").value(step(i).op);
        json.key("kernel").value(step(i).kernel).key("median_ms").value(step_ms_[i]).end('}');
      }
      json.end(']');
    }
    json.end('}');
    return json.text() + "\n";
  }

  // Leaves the object open.
  static void describe(Json& json, const Tensor& tensor) {
    json.begin('{').key("name").value(tensor.info.name);
    json.key("dtype").value(edgert_dtype_name(tensor.info.dtype));
    json.key("shape").dims(tensor.info).key("file");
    tensor.file.empty() ? json.null() : json.value(tensor.file);
  }

  const Options& options_;
  std::unique_ptr<edgert_model, Free> model_;
  edgert_info info_ = EDGERT_INFO_INIT;
  std::vector<Tensor> inputs_, outputs_;
  std::vector<edgert_input_array> in_;
  std::vector<edgert_output_array> out_;
  double load_ms_ = 0, first_run_ms_ = 0;
  edgert_bench_result bench_ = EDGERT_BENCH_RESULT_INIT;
  std::vector<double> step_ms_;
};

int run(int argc, char** argv) {
  try {
    const Options options = parse_options(argc, argv);
    if (options.help || options.version) {
      std::printf("%s%s", options.help ? kHelp : "edgert-run ",
                  options.help ? "" : edgert_version());
      if (!options.help) std::puts("");
      return std::fflush(stdout) == 0 ? 0 : 1;
    }
    Program(options).execute();
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
