// The target over load and run: any bytes give a typed error or a model that runs inside of its own
// memory, with the same results however it is run.
#include <memory>

#include "blocks.h"
#include "counters.h"
#include "exact.h"
#include "file.h"
#include "runs.h"
#include "runtime/model_file.h"

using namespace edgert;
using namespace edgert::fuzz;

namespace {

constexpr size_t kMemoryLimit = 64 << 20;
constexpr int32_t kMostDimension = 1 << 18;
constexpr size_t kMostArray = 1 << 20;  // bytes of an input or output
constexpr double kMostOperations = 4e6;
// One in so many small files is run, and of those that take more operations so many fewer: a run
// takes as long as loading several.
constexpr uint32_t kRunOneIn = 8;
constexpr double kOperationsOfOneMore = 2e4;

void count_nodes(const Model& model, std::atomic<uint64_t>* by_op) {
  for (const Node& node : model.nodes) ++by_op[static_cast<size_t>(node.op)];
}

// Whether what steps remember of each row and column is small.
bool is_bound_soon(const Model& model) {
  for (const Tensor& tensor : model.tensors)
    for (int32_t dim : tensor.type.shape.dims)
      if (dim > kMostDimension) return false;
  return true;
}

// Whether to run it; `choice` is any number.
bool is_chosen_to_run(const Model& model, uint32_t choice) {
  for (const auto* tensors : {&model.inputs, &model.outputs})
    for (uint32_t t : *tensors)
      if (model.tensors[t].type.bytes() > kMostArray) return false;
  const double most = model.operations;
  return most <= kMostOperations &&
         choice % (kRunOneIn + static_cast<uint32_t>(most / kOperationsOfOneMore)) == 0;
}

// Runs a model on every level of this machine, strongest first; on the one that is chosen in all
// other ways, too.
void run_all(const std::shared_ptr<const Model>& model, const uint8_t* data, size_t size,
             const std::vector<Isa>& levels, Isa chosen) {
  Runs runs(*model, data, size);
  std::unique_ptr<Result> first;
  for (auto level = levels.rbegin(); level != levels.rend(); ++level) {
    const IsaSet isa = detected_isa().capped(*level);
    const std::string name = isa_name(*level);
    const Session session(model, std::make_unique<ThreadPool>(1), isa, kMemoryLimit);
    Result result = runs.run(session, name);
    if (*level == chosen) {
      runs.compare(result, runs.run(session, name + ", timed", true), true);
      runs.compare(result, runs.run_apart(session, name + ", steps apart"), true);
      const Session threads(model, std::make_unique<ThreadPool>(2), isa, kMemoryLimit);
      runs.compare(result, runs.run(threads, name + ", two threads"), true);
    }
    if (first == nullptr)
      first = std::make_unique<Result>(std::move(result));
    else
      runs.compare(*first, result, *level != Isa::portable);
  }
  ++(first->error.empty() ? counters().run : counters().failed);
  count_nodes(*model, counters().op_run);
}

}  // namespace

// Fills what is allocated, so that results that depend on it differ; what is too large is refused,
// as malloc does. The rest is for speed: memory is used again after 2 MB, and stacks are short.
extern "C" const char* __asan_default_options() {
  return "max_malloc_fill_size=65536:allocator_may_return_null=1:quarantine_size_mb=2:"
         "thread_local_quarantine_size_kb=64:malloc_context_size=8";
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<Isa> levels = isa_list(detected_isa());
  static ThreadPool pool(1);
  const uint32_t choice = checksum(data, size);
  const Isa chosen = levels[choice % levels.size()];
  ++counters().files;
  try {
    const std::shared_ptr<const Model> model =
        load_model(data, size, {detected_isa(), kMemoryLimit}, pool);
    ++counters().loaded;
    count_nodes(*model, counters().op_loaded);
    const Blocks constants = part_constants(*model);
    if (!is_bound_soon(*model)) {
      ++counters().too_large;
    } else if (is_chosen_to_run(*model, choice / levels.size())) {
      run_all(model, data, size, levels, chosen);
    } else {
      const Session bound(model, std::make_unique<ThreadPool>(1), detected_isa().capped(chosen),
                          kMemoryLimit);
      ++counters().bound;
    }
  } catch (const Error& error) {
    count_error(error);
  }
  return 0;
}
