#include "api/run.h"

#include <algorithm>
#include <cstdint>

#include "api/structs.h"
#include "core/text.h"

namespace edgert {
namespace {

[[noreturn]] void refuse(edgert_status status, const char* rule, const Tensor& tensor,
                         const std::string& what) {
  throw Refusal(status, rule, quoted(tensor.name) + ": " + what);
}

void require_count(const char* what, size_t found, size_t expected, const void* arrays) {
  if (found != expected)
    throw Refusal(EDGERT_ERROR_SIZE, "COUNT",
                  format("%zu arrays for %s, expected %zu", found, what, expected));
  if (expected > 0) require_pointer(arrays, what);
}

// The kernels' own accesses need no more, on any machine.
size_t alignment(DType dtype) { return std::min(dtype_bytes(dtype), alignof(int64_t)); }

void check_array(const Tensor& tensor, const void* data, size_t bytes) {
  const size_t expected = tensor.type.bytes();
  if (bytes != expected)
    refuse(EDGERT_ERROR_SIZE, "SIZE", tensor,
           format("expected %zu bytes, %s, found %zu", expected, describe(tensor.type).c_str(),
                  bytes));
  if (data == nullptr && expected > 0)
    refuse(EDGERT_ERROR_NULL, "NULL", tensor, "the array is a null pointer");
  const size_t aligned = alignment(tensor.type.dtype);
  if (reinterpret_cast<uintptr_t>(data) % aligned != 0)
    refuse(EDGERT_ERROR_ALIGNMENT, "ALIGNMENT", tensor,
           format("the array at %p is not aligned to %zu bytes", data, aligned));
}

// Where arrays of no bytes are that the caller has at null: copying none must not be from or to
// there.
alignas(int64_t) std::byte nowhere[1];

// Addresses from `begin` to before `end`, not empty; of an output, or of an input (null).
struct Range {
  uintptr_t begin, end;
  const Tensor* output;
};

// In the order of their begins, what overlaps anything before it overlaps what reaches furthest.
void require_apart(Range* first, Range* last) {
  std::sort(first, last, [](const Range& a, const Range& b) { return a.begin < b.begin; });
  const Range* furthest = nullptr;         // of all ranges so far
  const Range* furthest_output = nullptr;  // of outputs
  for (const Range* range = first; range != last; ++range) {
    const Tensor* shared = nullptr;
    if (range->output != nullptr && furthest != nullptr && range->begin < furthest->end)
      shared = range->output;
    if (furthest_output != nullptr && range->begin < furthest_output->end)
      shared = furthest_output->output;
    if (shared != nullptr)
      refuse(EDGERT_ERROR_OVERLAP, "OVERLAP", *shared,
             "the array for this output overlaps another array");
    if (furthest == nullptr || range->end > furthest->end) furthest = range;
    if (range->output != nullptr &&
        (furthest_output == nullptr || range->end > furthest_output->end))
      furthest_output = range;
  }
}

}  // namespace

CheckedArrays::CheckedArrays(const Model& model, const edgert_input_array* inputs,
                             size_t input_count, const edgert_output_array* outputs,
                             size_t output_count)
    : inputs_(model.inputs.size()), outputs_(model.outputs.size()) {
  require_count("inputs", input_count, model.inputs.size(), inputs);
  require_count("outputs", output_count, model.outputs.size(), outputs);
  SmallArray<Range, 2 * kFew> ranges(input_count + output_count);
  Range* end = ranges.begin();
  const auto add = [&](const void* data, size_t bytes, const Tensor& tensor, bool output) {
    check_array(tensor, data, bytes);
    const auto begin = reinterpret_cast<uintptr_t>(data);
    if (bytes > 0) *end++ = {begin, begin + bytes, output ? &tensor : nullptr};
  };
  for (size_t i = 0; i < input_count; ++i) {
    add(inputs[i].data, inputs[i].bytes, model.tensors[model.inputs[i]], false);
    inputs_[i] = inputs[i].data != nullptr ? inputs[i].data : nowhere;
  }
  for (size_t i = 0; i < output_count; ++i) {
    add(outputs[i].data, outputs[i].bytes, model.tensors[model.outputs[i]], true);
    outputs_[i] = outputs[i].data != nullptr ? outputs[i].data : nowhere;
  }
  require_apart(ranges.begin(), end);
}

void require_steps(const Session& session, const double* step_ms, size_t steps) {
  if (step_ms != nullptr && steps != session.steps().size())
    throw Refusal(
        EDGERT_ERROR_SIZE, "COUNT",
        format("room for the times of %zu steps, expected %zu", steps, session.steps().size()));
}

}  // namespace edgert

using namespace edgert;

edgert_status edgert_run(const edgert_model* model, const edgert_input_array* inputs,
                         size_t input_count, const edgert_output_array* outputs,
                         size_t output_count, const edgert_run_options* given) {
  return guarded([&] {
    const Session& session = session_of(model);
    const edgert_run_options options =
        read_struct(given, edgert_run_options EDGERT_RUN_OPTIONS_INIT, "edgert_run_options");
    require_steps(session, options.step_ms, options.steps);
    CheckedArrays arrays(session.model(), inputs, input_count, outputs, output_count);
    const StopScope scope(options.stop, options.stop_context);
    session.run(arrays.inputs(), arrays.outputs(), options.step_ms);
  });
}
