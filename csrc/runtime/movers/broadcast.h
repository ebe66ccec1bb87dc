// Broadcasting of two operands as in NumPy.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "runtime/op.h"
#include "runtime/split.h"

namespace edgert {

// Shape that inputs 0 and 1 broadcast to, or failure of the node.
Shape broadcast_shape(const NodeTypes& node);

// Walks two row-major operands over the shape that they broadcast to, as rows of `columns`
// elements. Axes along which both operands go on alike are merged, so that there are as few rows as
// possible.
class Broadcast {
 public:
  Broadcast(const Shape& out, const Shape& a, const Shape& b);

  struct Operand {
    size_t offset;  // of the first element
    size_t row;     // elements between neighbours in a column
    size_t column;  // elements between neighbours in a row: 0 or 1
  };

  size_t rows() const { return rows_; }
  size_t columns() const { return dims_[rank_ - 1]; }

  // Calls body(row, rows, a, b) for runs of evenly spaced rows that together are first .. last - 1.
  template <typename Body>
  void for_runs(size_t first, size_t last, const Body& body) const {
    while (first < last) {
      const size_t length = rank_ < 2 ? 1 : dims_[rank_ - 2];
      const size_t run = std::min(last - first, length - first % length);
      body(first, run, operand(0, first), operand(1, first));
      first += run;
    }
  }

 private:
  Operand operand(int which, size_t row) const;

  int rank_ = 0;  // at least 1 once constructed
  size_t rows_ = 1;
  std::array<size_t, kMaxRank + 1> dims_ = {};
  std::array<std::array<size_t, kMaxRank + 1>, 2> strides_ =
      {};  // of each operand, 0 along repetition
};

// Calls body(first element of the result, rows, columns, a, b) for blocks of the result, on several
// threads as split() says.
template <typename Body>
void split_broadcast(ThreadPool& pool, const Broadcast& shape, size_t bytes_per_element,
                     const Body& body) {
  const size_t rows = shape.rows(), columns = shape.columns();
  if (rows > 1) {
    split(pool, rows, bytes_per_element * columns, [&](size_t first, size_t last) {
      shape.for_runs(first, last, [&](size_t row, size_t n, auto a, auto b) {
        body(row * columns, n, columns, a, b);
      });
    });
  } else if (rows == 1) {
    shape.for_runs(0, 1, [&](size_t, size_t, const auto a, const auto b) {
      split_elements(pool, columns, bytes_per_element, [&](size_t first, size_t last) {
        auto from_a = a, from_b = b;
        from_a.offset += first * a.column;
        from_b.offset += first * b.column;
        body(first, 1, last - first, from_a, from_b);
      });
    });
  }
}

}  // namespace edgert
