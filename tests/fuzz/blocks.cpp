#include "blocks.h"

#include <cstdlib>
#include <cstring>

#include "core/memory.h"

namespace edgert::fuzz {

Block::Block(size_t bytes) {
  void* data;
  if (posix_memalign(&data, kAlignment, bytes) != 0) std::abort();
  data_ = static_cast<std::byte*>(data);
}

Block::~Block() { std::free(data_); }

Blocks part_constants(const Model& model) {
  Blocks blocks;
  for (const Tensor& constant : model.tensors) {
    const std::byte* const copy = model.copy.data();
    if (constant.data < copy || constant.data >= copy + model.copy.bytes()) continue;
    blocks.push_back(std::make_unique<Block>(constant.data_bytes));
    if (constant.data_bytes > 0)
      std::memcpy(blocks.back()->data(), constant.data, constant.data_bytes);
    const_cast<Tensor&>(constant).data = blocks.back()->data();
  }
  return blocks;
}

}  // namespace edgert::fuzz
