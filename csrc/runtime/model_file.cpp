#include "runtime/model_file.h"

#include <cstring>
#include <utility>

#include "core/error.h"
#include "core/text.h"
#include "runtime/file/container.h"
#include "runtime/file/read.h"

namespace edgert {
namespace {

std::shared_ptr<const Model> read_model(const std::string& name, const Source& source,
                                        Mapping mapping, const LoadOptions& options,
                                        ThreadPool& pool) {
  try {
    const auto model = std::make_shared<Model>();
    Container file(source, std::move(mapping), options.verify, options.isa, options.memory_limit,
                   pool);
    read_tensors(file, options.memory_limit, pool, model.get());
    read_graph(file, options.max_operations, model.get());
    model->file_bytes = static_cast<size_t>(file.bytes());
    model->payload_bytes = static_cast<size_t>(file.bytes() - file.data_offset());
    model->copy = std::move(file.copy);
    model->mapping = std::move(file.mapping);
    return model;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kIo) throw;  // says where
    throw Error(error.code(), error.rule(), name + ": " + error.what());
  }
}

}  // namespace

std::shared_ptr<const Model> load_model(const std::string& path, const LoadOptions& options,
                                        ThreadPool& pool) {
  const File file(path);
  const Source source = {
      file.bytes(), [&](uint64_t offset, void* to, size_t bytes) { file.read(offset, to, bytes); }};
  const bool map = options.map && file.bytes() > 0;  // what is empty cannot be mapped
  return read_model(printable(path), source, map ? file.map() : Mapping(), options, pool);
}

std::shared_ptr<const Model> load_model(const void* data, size_t bytes, const LoadOptions& options,
                                        ThreadPool& pool) {
  const Source source = {bytes, [&](uint64_t offset, void* to, size_t count) {
                           if (count == 0) return;  // perhaps to null
                           std::memcpy(to, static_cast<const std::byte*>(data) + offset, count);
                         }};
  return read_model("model in memory", source, Mapping(), options, pool);
}

}  // namespace edgert
