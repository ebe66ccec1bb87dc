#include "core/text.h"

#include "core/error.h"
#include "run/outcome.h"
#include "run/report.h"
#include "run/values.h"

namespace edgert::run {
namespace {

std::string inputs_text(const Outcome& outcome) {
  std::vector<Row> rows;
  for (const Tensor& input : outcome.inputs)
    rows.push_back({printable(input.info.name), edgert_dtype_name(input.info.dtype),
                    dims_text(input.info), input.file.empty() ? "random" : printable(input.file)});
  return rows.empty() ? "" : table(rows, {"input", "dtype", "shape", "from"}) + "\n";
}

// A summary of each output, and below it the highest scores and where the arrays are.
std::string outputs_text(const Outcome& outcome) {
  std::vector<Row> rows;
  std::string below;
  for (const Tensor& output : outcome.outputs) {
    const std::string name = printable(output.info.name);
    const Summary summary = summarize(output.info, output.elements);
    const auto statistic = [&](double value) {
      return summary.finite == 0 ? std::string("-") : number_text(value);
    };
    rows.push_back({name, edgert_dtype_name(output.info.dtype), dims_text(output.info),
                    statistic(summary.min), statistic(summary.mean), statistic(summary.max),
                    std::to_string(summary.not_finite)});
    std::vector<Row> top;
    for (const auto& [index, value] : summary.top)
      top.push_back({std::to_string(index), number_text(value)});
    if (!top.empty()) below += "\nHighest of " + name + ":\n\n" + table(top, {"index", "value"});
    if (!output.file.empty())
      below += "\n" + name + " is written to " + printable(output.file) + "\n";
  }
  return table(rows, {"output", "dtype", "shape", "min", "mean", "max", "not finite"}) + below;
}

std::string bench_text(const Outcome& outcome) {
  const edgert_info& info = outcome.info;
  const uint64_t memory = info.file_copied + info.weights_repacked + info.tables + info.arena;
  return std::to_string(outcome.bench.runs) + " runs\n\n" +
         table({{"median", milliseconds_text(outcome.bench.median_ms)},
                {"95th percentile", milliseconds_text(outcome.bench.p95_ms)},
                {"fastest", milliseconds_text(outcome.bench.min_ms)},
                {"load", milliseconds_text(outcome.load_ms)},
                {"first run", milliseconds_text(outcome.first_run_ms)},
                {"memory", bytes_text(memory)}});
}

// The steps in their order, each with its share of the sum.
std::string steps_text(const Outcome& outcome) {
  double total = 0;
  for (double ms : outcome.step_ms) total += ms;
  std::vector<Row> rows;
  for (size_t i = 0; i < outcome.steps.size(); ++i) {
    const edgert_step& step = outcome.steps[i];
    const double ms = outcome.step_ms[i];
    rows.push_back({printable(step.name), step.op, step.kernel, milliseconds_text(ms),
                    format("%.1f%%", total > 0 ? 100 * ms / total : 0.0)});
  }
  return table(rows, {"step", "operator", "kernel", "median", "share"});
}

}  // namespace

std::string text_of(const Options& options, const Outcome& outcome) {
  std::string text = printable(options.model) +
                     ": threads: " + std::to_string(outcome.info.threads) +
                     ", instruction set: " + outcome.info.level + "\n\n" + inputs_text(outcome) +
                     outputs_text(outcome) + "\n";
  if (outcome.bench.runs == 0)
    return text + "One cold run: " + milliseconds_text(outcome.first_run_ms) +
           "; --bench measures properly.\n";
  text += bench_text(outcome);
  return outcome.steps.empty() ? text : text + "\n" + steps_text(outcome);
}

}  // namespace edgert::run
