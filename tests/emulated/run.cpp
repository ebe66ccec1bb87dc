// Runs models where there is no Python, as under an emulator:
//
//   edgert_emulated_run RUNS [MODEL INPUTS OUTPUTS]...
//
// INPUTS has the elements of all inputs of the model, one input behind the other, OUTPUTS gets
// those of all outputs.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "core/error.h"
#include "runtime/model_file.h"
#include "runtime/session.h"

namespace edgert {
namespace {

std::vector<Buffer> arrays_of(const Model& model, const std::vector<uint32_t>& tensors) {
  std::vector<Buffer> arrays;
  for (uint32_t tensor : tensors) arrays.emplace_back(model.tensors[tensor].type.bytes());
  return arrays;
}

// Calls `transfer`, fread or fwrite, for each array.
template <typename Transfer>
void transfer_file(const char* path, const char* mode, const std::vector<Buffer>& arrays,
                   Transfer transfer) {
  FILE* const file = std::fopen(path, mode);
  bool ok = file != nullptr;
  for (const Buffer& array : arrays)
    ok = ok && transfer(array.data(), 1, array.bytes(), file) == array.bytes();
  if (file == nullptr || std::fclose(file) != 0 || !ok)
    throw Error(ErrorCode::kIo, "IO", format("cannot read or write %s", path));
}

void run(const char* path, const char* inputs_path, const char* outputs_path, int runs) {
  LoadOptions options;
  options.isa = cpu_isa();
  options.memory_limit = usable_memory();
  auto pool = std::make_unique<ThreadPool>(1);
  const std::shared_ptr<const Model> model = load_model(path, options, *pool);
  const Session session(model, std::move(pool), options.isa, options.memory_limit);
  const std::vector<Buffer> inputs = arrays_of(*model, model->inputs);
  const std::vector<Buffer> outputs = arrays_of(*model, model->outputs);
  transfer_file(inputs_path, "rb", inputs, std::fread);
  std::vector<const void*> from;
  for (const Buffer& input : inputs) from.push_back(input.data());
  std::vector<void*> to;
  for (const Buffer& output : outputs) to.push_back(output.data());
  for (int i = 0; i < runs; ++i) session.run(from.data(), to.data());
  transfer_file(outputs_path, "wb", outputs, std::fwrite);
}

}  // namespace
}  // namespace edgert

int main(int argc, char** argv) {
  try {
    if (argc < 2 || argc % 3 != 2) return EXIT_FAILURE;
    for (int i = 2; i < argc; i += 3)
      edgert::run(argv[i], argv[i + 1], argv[i + 2], std::atoi(argv[1]));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
