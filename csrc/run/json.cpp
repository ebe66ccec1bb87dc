#include "run/outcome.h"
#include "run/report.h"
#include "run/values.h"

namespace edgert::run {
namespace {

// Leaves the object open.
void describe(Json& json, const Tensor& tensor) {
  json.begin('{').key("name").value(tensor.info.name);
  json.key("dtype").value(edgert_dtype_name(tensor.info.dtype));
  json.key("shape").dims(tensor.info).key("file");
  tensor.file.empty() ? json.null() : json.value(tensor.file);
}

void add_output(Json& json, const Tensor& output) {
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
  for (const auto& [index, value] : summary.top)
    json.begin('{').key("index").count(index).key("value").value(value).end('}');
  json.end(']').end('}');
}

void add_memory(Json& json, const edgert_info& info) {
  json.key("memory").begin('{');
  json.key("file_copied").count(info.file_copied);
  json.key("weights_mapped").count(info.weights_mapped);
  json.key("weights_repacked").count(info.weights_repacked);
  json.key("tables").count(info.tables);
  json.key("arena").count(info.arena);
  json.key("scratch").count(info.scratch).end('}');
}

void add_steps(Json& json, const Outcome& outcome) {
  json.key("profile").begin('[');
  for (size_t i = 0; i < outcome.steps.size(); ++i) {
    const edgert_step& step = outcome.steps[i];
    json.begin('{').key("step").value(step.name).key("op").value(step.op);
    json.key("kernel").value(step.kernel).key("median_ms").value(outcome.step_ms[i]).end('}');
  }
  json.end(']');
}

}  // namespace

std::string json_of(const Options& options, const Outcome& outcome) {
  Json json;
  json.begin('{');
  json.key("model").value(options.model);
  json.key("threads").count(static_cast<uint64_t>(outcome.info.threads));
  json.key("isa").value(outcome.info.level);
  json.key("inputs").begin('[');
  for (const Tensor& input : outcome.inputs) {
    describe(json, input);
    json.end('}');
  }
  json.end(']').key("outputs").begin('[');
  for (const Tensor& output : outcome.outputs) add_output(json, output);
  json.end(']');
  json.key("load_ms").value(outcome.load_ms).key("first_run_ms").value(outcome.first_run_ms);
  add_memory(json, outcome.info);
  if (outcome.bench.runs > 0) {
    json.key("runs").count(outcome.bench.runs).key("median_ms").value(outcome.bench.median_ms);
    json.key("p95_ms").value(outcome.bench.p95_ms).key("min_ms").value(outcome.bench.min_ms);
  }
  if (!outcome.steps.empty()) add_steps(json, outcome);
  return json.end('}').text() + "\n";
}

}  // namespace edgert::run
