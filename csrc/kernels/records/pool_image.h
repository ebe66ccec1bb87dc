// What the poolings of every element type see of an image.
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgert {

// What the windows of one row, or of one column, of the output see along that axis.
struct PoolWindow {
  int32_t first;    // row or column of the input
  int32_t taps;     // those inside of the input, `dilation` apart; at least 1
  int32_t counted;  // what the average counts: at least 1
};

// Windows over an image [height][width][channels], giving [row_count][column_count][channels].
struct PoolImage {
  size_t channels;
  size_t width;
  int32_t row_dilation, column_dilation;
  const PoolWindow* rows;
  size_t row_count;
  const PoolWindow* columns;
  size_t column_count;
};

}  // namespace edgert
