// Loading.
#include "api/model.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "api/structs.h"
#include "runtime/model_file.h"

namespace edgert {
namespace {

edgert_load_options checked(const edgert_load_options* given) {
  const edgert_load_options options =
      read_struct(given, edgert_load_options EDGERT_LOAD_OPTIONS_INIT, "edgert_load_options");
  const auto refuse = [](const std::string& what) {
    throw Refusal(EDGERT_ERROR_ARGUMENT, "ARGUMENT", what);
  };
  if (options.threads < 1)
    refuse(format("threads is %lld, expected a positive number",
                  static_cast<long long>(options.threads)));
  if (std::isnan(options.max_operations) || options.max_operations < 0)
    refuse(format("max_operations is %g, expected a number of operations", options.max_operations));
  if ((options.flags & ~(EDGERT_MAP | EDGERT_VERIFY)) != 0)
    refuse(format("flags is 0x%x, expected EDGERT_MAP, EDGERT_VERIFY or both", options.flags));
  return options;
}

// `where`: what load_model() takes before its options.
template <typename... Where>
edgert_model* open_model(const edgert_load_options& options, const Where&... where) {
  const StopScope scope(options.stop, options.stop_context);
  const uint64_t limit =
      options.memory_limit == EDGERT_ALL_MEMORY ? usable_memory() : options.memory_limit;
  const LoadOptions load = {cpu_isa(), limit, (options.flags & EDGERT_MAP) != 0,
                            (options.flags & EDGERT_VERIFY) != 0, options.max_operations};
  const int threads = options.threads == EDGERT_DEFAULT_THREADS
                          ? default_threads()
                          : static_cast<int>(std::min<int64_t>(options.threads, usable_cpus()));
  auto pool = std::make_unique<ThreadPool>(threads);
  auto model = load_model(where..., load, *pool);
  return new edgert_model{Session(std::move(model), std::move(pool), load.isa, limit)};
}

// Sets `*model` to null, too, if there is an error.
template <typename Open>
edgert_status load(edgert_model** model, const Open& open) {
  if (model != nullptr) *model = nullptr;
  return guarded([&] {
    require_pointer(model, "the place for the model");
    *model = open();
  });
}

}  // namespace
}  // namespace edgert

using namespace edgert;

edgert_status edgert_load(const char* path, const edgert_load_options* given,
                          edgert_model** model) {
  return load(model, [&] {
    require_pointer(path, "the path");
    return open_model(checked(given), std::string(path));
  });
}

edgert_status edgert_load_memory(const void* data, size_t bytes, const edgert_load_options* given,
                                 edgert_model** model) {
  return load(model, [&] {
    if (bytes > 0) require_pointer(data, "the content of the file");
    const edgert_load_options options = checked(given);
    if ((options.flags & EDGERT_MAP) != 0)
      throw Refusal(EDGERT_ERROR_ARGUMENT, "ARGUMENT",
                    "EDGERT_MAP is for the path of a file, found its content");
    return open_model(options, data, bytes);
  });
}

void edgert_free(edgert_model* model) { delete model; }
