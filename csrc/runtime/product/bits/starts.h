// What the sums of a product of bits start from. Bits have no zero: pads of zeros are read as ones,
// which the start of a sum takes back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/op.h"
#include "runtime/product/shape.h"

namespace edgert {

// Pixels of the output, along one axis, by the taps that see the image.
class TapClasses {
 public:
  TapClasses(const ProductShape& shape, int axis);

  struct Taps {
    size_t first, last;  // first <= i < last
    bool operator==(const Taps& o) const { return first == o.first && last == o.last; }
  };
  const std::vector<Taps>& classes() const { return classes_; }
  size_t of(size_t pixel) const { return of_pixels_[pixel]; }
  size_t pixels() const { return of_pixels_.size(); }

 private:
  std::vector<Taps> classes_;
  std::vector<uint32_t> of_pixels_;
};

// A table of starts, for each class of pixels those of all outputs.
class SumStarts {
 public:
  // Of ones: all pixels have the depth.
  SumStarts(const BindContext& context, const ProductShape& shape, size_t depth);
  // Of zeros, for weights of `channels` channels in panels.
  SumStarts(const BindContext& context, const ProductShape& shape, size_t channels,
            const uint8_t* panels);

  // Those of a row of pixels, of an output on.
  const int16_t* row(size_t row, size_t channel) const {
    return table_.data() + (rows_.empty() ? 0 : rows_[row]) + channel;
  }
  // Where those of a pixel of the row lie, on from there; null: all there.
  const size_t* columns(size_t column) const {
    return columns_.empty() ? nullptr : columns_.data() + column;
  }

 private:
  std::vector<int16_t> table_;
  std::vector<size_t> rows_, columns_;  // places in the table
};

}  // namespace edgert
