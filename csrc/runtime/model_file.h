// Reading a .edgert file: every rule of docs/format.md is checked, once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/cpu.h"
#include "core/threads.h"
#include "runtime/model.h"

namespace edgert {

struct LoadOptions {
  IsaSet isa;
  uint64_t memory_limit;  // bytes of private memory, what a session takes later included
  // Of a file: use the weights where they are in the mapped file, and share them with other
  // processes. If it is written to later, results change; if it is cut off, the process dies.
  bool map = false;
  // With `map`: the checksum of the weights, too, which reads the whole file.
  bool verify = false;
  double max_operations = 1e13;  // of a run
};

// Any bytes at all give either a typed Error or a model that can be bound and run safely. The model
// has a private copy of them, all of whose checksums are right, and no use for the file any more.
// Large files are read and checked on the threads of `pool`.
std::shared_ptr<const Model> load_model(const std::string& path, const LoadOptions& options,
                                        ThreadPool& pool);
std::shared_ptr<const Model> load_model(const void* data, size_t bytes, const LoadOptions& options,
                                        ThreadPool& pool);

}  // namespace edgert
