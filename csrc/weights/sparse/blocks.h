// Weights of which only the blocks that are not zero are stored: where they lie, the ways there and
// back, and what can be said of them. Of f32 and i8, which are told apart by their size alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/tensor.h"
#include "weights/fit.h"
#include "weights/shape.h"
#include "weights/sparse/block.h"

namespace edgert {

// Whether only blocks that are not zero are stored in this form.
bool is_sparse(Form form);

class Blocks {
 public:
  Blocks(Form form, const WeightShape& shape, DType dtype);

  // Elements of a tap of an output, those that fill it up too.
  size_t tap_length() const { return tap_columns() * depth_; }
  size_t depth() const { return shape_.taps * tap_length(); }
  size_t block_elements() const { return outputs_ * depth_; }
  // Bytes of so many blocks; nothing if there cannot be so many, or weights of this shape and type
  // cannot be stored so.
  std::optional<uint64_t> bytes(uint64_t blocks) const;
  // How many pack() makes of weights in rows: those with a bit, and zeros where gaps are too long.
  uint64_t count(const std::byte* weights) const;
  void pack(const std::byte* weights, std::byte* stored) const;

  // The rules of a payload of so many blocks, which no other function checks. Each can be asked if
  // those before it hold.
  bool counts_add_up(uint64_t blocks, const std::byte* stored) const;
  bool columns_exist(const std::byte* stored) const;         // of every block
  bool is_filled_with_zeros(const std::byte* stored) const;  // what is no weight
  bool fits(WeightFit fit, const std::byte* stored) const;
  WeightFit best_fit(const std::byte* stored) const;

  // Whether so many bytes are a payload that keeps the first two.
  bool holds(uint64_t bytes, const std::byte* stored) const;

  void unpack(const std::byte* stored, std::byte* weights) const;
  // The sum of the weights of each output, of i8, modulo 2^32.
  std::vector<int32_t> sums(const std::byte* stored) const;

  uint64_t stored_blocks(const std::byte* stored) const;  // as the counts say
  template <typename T>
  BlockRows<T> all_rows(const std::byte* stored) const {
    return {counts(stored), reinterpret_cast<const T*>(blocks(stored)), gaps(stored)};
  }
  // Moves on from all rows to those of an output, a multiple of the outputs of a block.
  template <typename T>
  BlockRows<T> rows_from(BlockRows<T> rows, size_t output) const {
    const size_t passed = sum_of_counts(rows.counts, output / outputs_);
    return {rows.counts + output / outputs_, rows.blocks + passed * outputs_ * depth_,
            rows.gaps + passed};
  }
  // The first output, a multiple of `step`, before whose rows lie at least part / parts of all
  // blocks; all outputs if there is none.
  size_t part(size_t part, size_t parts, size_t step, const std::byte* stored) const;

 private:
  template <WeightFit kFit>
  bool fits(const std::byte* stored) const;
  size_t rows() const;         // of blocks
  size_t tap_columns() const;  // blocks of a tap
  size_t columns() const { return shape_.taps * tap_columns(); }
  size_t block_bytes() const { return outputs_ * depth_ * element_bytes_; }
  uint64_t counts_bytes() const;  // with what fills them up
  static uint64_t sum_of_counts(const uint16_t* counts, size_t rows);
  const uint16_t* counts(const std::byte* stored) const {
    return reinterpret_cast<const uint16_t*>(stored);
  }
  const std::byte* blocks(const std::byte* stored) const { return stored + counts_bytes(); }
  const uint8_t* gaps(const std::byte* stored) const {
    return reinterpret_cast<const uint8_t*>(blocks(stored) + stored_blocks(stored) * block_bytes());
  }
  // Calls visit(row, column, block) for all blocks.
  template <typename Visit>
  void for_blocks(const std::byte* stored, const Visit& visit) const;
  // Calls visit(output, channel, place in the block) for the elements of a block that are weights.
  template <typename Visit>
  void for_elements(size_t row, size_t column, const Visit& visit) const;
  // Calls visit(row, gap, block) for all blocks that are to be stored, each in turn.
  template <typename Visit>
  void for_nonzero(const std::byte* weights, const Visit& visit) const;

  WeightShape shape_;
  DType dtype_;
  bool possible_;
  size_t outputs_, depth_, element_bytes_;  // of a block
};

}  // namespace edgert
