// Copies of boxes between strided arrays: what transpose, slice, expand, tile, concat and pad are
// made of.
#pragma once

#include <cstddef>
#include <vector>

#include "core/threads.h"
#include "runtime/op.h"

namespace edgert {

// One axis of a box: how many elements, and how many elements apart they lie. A source stride may
// be zero, which repeats the element, or negative; elements of the destination do not overlap.
struct CopyAxis {
  size_t size;
  ptrdiff_t src;
  ptrdiff_t dst;
};

class StridedCopy {
 public:
  // `axes` outermost first, at most 2 * kMaxRank; of size zero to copy nothing. Elements have 1, 2,
  // 4 or 8 bytes.
  StridedCopy(size_t element_bytes, const std::vector<CopyAxis>& axes);

  // Copies the box whose first element is at `src` to the one whose first element is at `dst`.
  void run(const std::byte* src, std::byte* dst, ThreadPool& pool) const;

  const char* name() const;  // of the innermost loop

 private:
  enum class Inner { kBytes, kRows, kFill, kStrided, kTranspose };

  void choose_inner();
  void split_into_blocks();
  void run_blocks(const std::byte* src, std::byte* dst, size_t first, size_t last) const;
  void run_block(const std::byte* src, std::byte* dst, size_t x, size_t y) const;
  template <size_t bytes>
  void run_elements(const std::byte* src, std::byte* dst, size_t x, size_t y) const;

  // From the constructor on, strides are in bytes.
  size_t run_bytes_;  // what lies together in both arrays
  Inner inner_ = Inner::kBytes;
  CopyAxis x_ = {1, 0, 0};            // the inner loop
  CopyAxis y_ = {1, 0, 0};            // kTranspose: the axis along which src is contiguous
  size_t x_block_ = 1, y_block_ = 1;  // how much of x and y is copied at a time
  std::vector<CopyAxis> outer_;       // the other axes, then the blocks of x and those of y
  size_t blocks_ = 1;                 // product of the sizes of outer_
  size_t bytes_;
};

// The step that copies from input 0, `start` bytes in, to the start of the output.
Step copy_step(const BindContext& context, const StridedCopy& copy, ptrdiff_t start = 0);

}  // namespace edgert
