// Loads and runs files that are meant to hurt, where there is no Python:
//
//   edgert_emulated_load FILES
//
// FILES has files one behind the other, each behind its size as a little-endian u32. For each a
// line says what became of it: the rule that refuses it, or "runs". Nothing else may happen.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "core/error.h"
#include "runtime/model_file.h"
#include "runtime/session.h"

namespace edgert {
namespace {

constexpr size_t kMemoryLimit = size_t{64} << 20;

std::vector<Buffer> zeros(const Model& model, const std::vector<uint32_t>& tensors) {
  std::vector<Buffer> arrays;
  for (uint32_t tensor : tensors) {
    const uint64_t bytes = model.tensors[tensor].type.bytes();
    if (bytes > kMemoryLimit) throw Error(ErrorCode::kLimit, "ARRAY", "an array of the caller");
    arrays.emplace_back(static_cast<size_t>(bytes));
    std::memset(arrays.back().data(), 0, static_cast<size_t>(bytes));
  }
  return arrays;
}

void run(const void* data, size_t bytes) {
  LoadOptions options;
  options.isa = cpu_isa();
  options.memory_limit = kMemoryLimit;
  options.max_operations = 1e7;
  auto pool = std::make_unique<ThreadPool>(1);
  const std::shared_ptr<const Model> model = load_model(data, bytes, options, *pool);
  const Session session(model, std::move(pool), options.isa, options.memory_limit);
  const std::vector<Buffer> inputs = zeros(*model, model->inputs);
  const std::vector<Buffer> outputs = zeros(*model, model->outputs);
  std::vector<const void*> from;
  for (const Buffer& input : inputs) from.push_back(input.data());
  std::vector<void*> to;
  for (const Buffer& output : outputs) to.push_back(output.data());
  session.run(from.data(), to.data());
}

}  // namespace
}  // namespace edgert

int main(int argc, char** argv) {
  FILE* const file = argc == 2 ? std::fopen(argv[1], "rb") : nullptr;
  if (file == nullptr) return EXIT_FAILURE;
  uint32_t bytes;
  while (std::fread(&bytes, sizeof bytes, 1, file) == 1) {
    std::vector<char> data(bytes);
    if (std::fread(data.data(), 1, bytes, file) != bytes) return EXIT_FAILURE;
    try {
      edgert::run(data.data(), data.size());
      std::puts("runs");
    } catch (const edgert::Error& error) {
      std::puts(error.rule());
    }
  }
  std::fclose(file);
  return EXIT_SUCCESS;
}
