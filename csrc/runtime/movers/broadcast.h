// Broadcasting of operands as in NumPy.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "runtime/op.h"
#include "runtime/split.h"

namespace edgert {

// Shape that all inputs broadcast to, or failure of the node.
Shape broadcast_shape(const NodeTypes& node);

// Where a run of rows of an operand lies.
struct BroadcastOperand {
  size_t offset;  // of the first element
  size_t row;     // elements between neighbours in a column
  size_t column;  // elements between neighbours in a row: 0 or 1
};

// Walks `n` row-major operands over the shape that they broadcast to, as rows of `columns`
// elements. Axes along which all operands go on alike are merged, so that there are as few rows as
// possible.
template <size_t n>
class Broadcast {
 public:
  using Operands = std::array<BroadcastOperand, n>;

  // Of the first n inputs of a node and its output.
  explicit Broadcast(const BindContext& context);

  size_t rows() const { return rows_; }
  size_t columns() const { return dims_[rank_ - 1]; }

  // Calls body(row, rows, operands) for runs of evenly spaced rows that together are
  // first .. last - 1.
  template <typename Body>
  void for_runs(size_t first, size_t last, const Body& body) const {
    while (first < last) {
      const size_t length = rank_ < 2 ? 1 : dims_[rank_ - 2];
      const size_t run = std::min(last - first, length - first % length);
      Operands operands;
      for (size_t i = 0; i < n; ++i) operands[i] = operand(i, first);
      body(first, run, operands);
      first += run;
    }
  }

 private:
  BroadcastOperand operand(size_t which, size_t row) const;

  int rank_ = 0;  // at least 1 once constructed
  size_t rows_ = 1;
  std::array<size_t, kMaxRank + 1> dims_ = {};
  // Of each operand, 0 along repetition.
  std::array<std::array<size_t, kMaxRank + 1>, n> strides_ = {};
};

// Calls body(first element of the result, rows, columns, operands) for blocks of the result, on
// several threads as split() says.
template <size_t n, typename Body>
void split_broadcast(ThreadPool& pool, const Broadcast<n>& shape, size_t bytes_per_element,
                     const Body& body) {
  using Operands = typename Broadcast<n>::Operands;
  const size_t rows = shape.rows(), columns = shape.columns();
  if (rows > 1) {
    split(pool, rows, bytes_per_element * columns, [&](size_t first, size_t last) {
      shape.for_runs(first, last, [&](size_t row, size_t count, const Operands& from) {
        body(row * columns, count, columns, from);
      });
    });
  } else if (rows == 1) {
    shape.for_runs(0, 1, [&](size_t, size_t, const Operands& all) {
      split_elements(pool, columns, bytes_per_element, [&](size_t first, size_t last) {
        Operands from = all;
        for (BroadcastOperand& operand : from) operand.offset += first * operand.column;
        body(first, 1, last - first, from);
      });
    });
  }
}

}  // namespace edgert
