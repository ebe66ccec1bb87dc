// Memory of exactly the size that is asked for, so that AddressSanitizer sees what is beyond it.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "runtime/model.h"

namespace edgert::fuzz {

class Block {
 public:
  explicit Block(size_t bytes);
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  std::byte* data() const { return data_; }

 private:
  std::byte* data_;
};
using Blocks = std::vector<std::unique_ptr<Block>>;

// Moves each constant of a model into a block of its own.
Blocks part_constants(const Model& model);

}  // namespace edgert::fuzz
