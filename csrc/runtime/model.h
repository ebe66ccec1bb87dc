// A model in memory: what is left of a file once every rule has been checked.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/file.h"
#include "core/memory.h"
#include "core/tensor.h"
#include "weights/facts.h"

namespace edgert {

struct Tensor {
  std::string name;  // empty if a constant is no output
  TensorType type;
  Form form = Form::row;
  const std::byte* data = nullptr;  // a constant's elements; null for activations
  size_t data_bytes = 0;            // that they take in the file
  WeightFacts facts;                // what the file claims of them, which is so
};

struct Node {  // named as the first tensor that it writes
  Op op;
  std::vector<uint32_t> inputs;  // tensor indices, kNone for an absent optional one
  std::vector<uint32_t> outputs;
  const void* attrs;  // the operator's attribute record, in Model::copy
};

struct Model {
  std::vector<Tensor> tensors;
  std::vector<Node> nodes;  // in topological order
  std::vector<uint32_t> inputs;
  std::vector<uint32_t> outputs;
  std::vector<std::pair<std::string, std::string>> metadata;

  double operations = 0;  // of a run, about
  size_t file_bytes = 0;
  size_t payload_bytes = 0;     // of them in the section `data`, which is the last
  Buffer copy;                  // private copy of the file, without payloads if it is mapped
  Mapping mapping;              // of the file whose payloads are used in place, or nothing
  std::vector<Buffer> decoded;  // elements that the file holds encoded
};

}  // namespace edgert
