// A model in memory: what is left of a file once every rule has been checked.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/memory.h"
#include "core/tensor.h"

namespace edgert {

struct Tensor {
  std::string name;  // empty if a constant is no output
  TensorType type;
  Layout layout = Layout::row;
  const std::byte* data = nullptr;  // a constant's elements; null for activations
  size_t data_bytes = 0;            // that they take in the file
};

struct Node {  // named as the tensor that it writes
  Op op;
  std::vector<uint32_t> inputs;  // tensor indices, kNone for an absent optional one
  uint32_t output;
  const void* attrs;  // the operator's attribute record, in Model::metadata_bytes
};

struct Model {
  std::vector<Tensor> tensors;
  std::vector<Node> nodes;  // in topological order
  std::vector<uint32_t> inputs;
  std::vector<uint32_t> outputs;
  std::vector<std::pair<std::string, std::string>> metadata;

  std::unique_ptr<MappedFile> file;      // keeps the constants alive,
  std::vector<Buffer> decoded;           // and these those that the file holds encoded
  std::vector<uint64_t> metadata_bytes;  // private copy of everything in the file but `data`
};

}  // namespace edgert
