// The content of a file: each function relies on what those before it have checked.
#pragma once

#include <cstdint>

#include "runtime/file/container.h"
#include "runtime/model.h"

namespace edgert {

// Metadata, names and tensors: F23 to F44. Payloads are used where they are but for those that are
// decoded, whose elements count against the limit.
void read_tensors(const Container& file, uint64_t memory_limit, ThreadPool& pool, Model* model);

// Inputs, outputs and nodes: F45 to F58, and what each operator checks.
void read_graph(const Container& file, double max_operations, Model* model);

}  // namespace edgert
