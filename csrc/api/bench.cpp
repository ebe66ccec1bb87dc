// Measuring: the method of `edgert bench`, whose words it has.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "api/run.h"
#include "api/structs.h"

namespace edgert {
namespace {

constexpr size_t kWarmUpRuns = 3, kMinRuns = 5, kProfileRuns = 30;
constexpr double kMaxSeconds = 1e9;  // decades

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// Of values in order, as numpy has it: between two of them the line that joins them.
double percentile(const std::vector<double>& sorted, double percent) {
  const double place = percent / 100 * static_cast<double>(sorted.size() - 1);
  const size_t below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - static_cast<double>(below));
}

double median(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  return percentile(values, 50);
}

edgert_bench_options checked(const Session& session, const edgert_bench_options* given) {
  const edgert_bench_options options =
      read_struct(given, edgert_bench_options EDGERT_BENCH_OPTIONS_INIT, "edgert_bench_options");
  if (!(options.seconds >= 0 && options.seconds <= kMaxSeconds))
    throw Refusal(EDGERT_ERROR_ARGUMENT, "ARGUMENT",
                  format("seconds is %g, expected 0 to %g", options.seconds, kMaxSeconds));
  require_steps(session, options.step_ms, options.steps);
  return options;
}

std::vector<double> latencies(const Session& session, CheckedArrays& arrays,
                              const edgert_bench_options& options) {
  std::vector<double> times;
  for (size_t i = 0; i < kWarmUpRuns; ++i) session.run(arrays.inputs(), arrays.outputs());
  const size_t least = options.runs > 0 ? options.runs : kMinRuns;
  const Clock::time_point begin = Clock::now();
  while (times.size() < least ||
         (options.runs == 0 && milliseconds_since(begin) < options.seconds * 1e3)) {
    const Clock::time_point start = Clock::now();
    session.run(arrays.inputs(), arrays.outputs());
    times.push_back(milliseconds_since(start));
  }
  return times;
}

// The median time of each step.
void profile(const Session& session, CheckedArrays& arrays, double* step_ms) {
  const size_t steps = session.steps().size();
  std::vector<double> times(steps * kProfileRuns);
  for (size_t run = 0; run < kProfileRuns; ++run)
    session.run(arrays.inputs(), arrays.outputs(), times.data() + run * steps);
  std::vector<double> of_step(kProfileRuns);
  for (size_t step = 0; step < steps; ++step) {
    for (size_t run = 0; run < kProfileRuns; ++run) of_step[run] = times[run * steps + step];
    step_ms[step] = median(of_step);
  }
}

}  // namespace
}  // namespace edgert

using namespace edgert;

edgert_status edgert_bench(const edgert_model* model, const edgert_input_array* inputs,
                           size_t input_count, const edgert_output_array* outputs,
                           size_t output_count, const edgert_bench_options* given,
                           edgert_bench_result* result) {
  return guarded([&] {
    const Session& session = session_of(model);
    const edgert_bench_options options = checked(session, given);
    struct_bytes(result, "edgert_bench_result");
    CheckedArrays arrays(session.model(), inputs, input_count, outputs, output_count);
    const StopScope scope(options.stop, options.stop_context);
    std::vector<double> times = latencies(session, arrays, options);
    if (options.step_ms != nullptr) profile(session, arrays, options.step_ms);
    edgert_bench_result value = EDGERT_BENCH_RESULT_INIT;
    value.runs = times.size();
    value.median_ms = median(times);
    value.p95_ms = percentile(times, 95);
    value.min_ms = times.front();
    write_struct(result, value, "edgert_bench_result");
  });
}
