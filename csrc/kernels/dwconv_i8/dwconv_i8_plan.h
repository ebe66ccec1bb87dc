// How the vectorised kernels divide a problem, and their scratch. Local to the file that includes
// it.
#pragma once

#include "kernels/dwconv_i8/dwconv_i8.h"

namespace edgert {
namespace {

// For blocks of `block` channels. Rows of the image are interleaved in groups of `group_rows`: a
// column of a group, or of the filter, takes 4 * block bytes.
struct DwconvI8Plan {
  size_t groups;  // of rows of the image, for the rows of the filter
  size_t rows;    // of the output computed from the same groups
  size_t strip;   // columns of the output computed at a time
  // Where in scratch, in bytes; first the bias of a block. Then for each row of the pass, column of
  // the filter and group the weights; for each column that a strip sees and group the image.
  size_t multipliers, weights, columns, bytes;

  DwconvI8Plan(const DwconvI8& g, size_t block, size_t group_rows) {
    constexpr size_t kMostColumns = 14;  // of a strip: its part of the image stays in the L1 cache
    const size_t column = 4 * block;
    groups = (g.kernel[0] + group_rows - 1) / group_rows;
    rows = g.dilations[0] == 1 ? (groups * group_rows - g.kernel[0]) / g.strides[0] + 1 : 1;
    const size_t strips = (g.out_width + kMostColumns - 1) / kMostColumns;
    strip = (g.out_width + strips - 1) / strips;
    multipliers = column;
    weights = 2 * column;
    columns = weights + rows * g.kernel[1] * groups * column;
    const size_t seen = (strip - 1) * g.strides[1] + (g.kernel[1] - 1) * g.dilations[1] + 1;
    bytes = columns + seen * groups * column;
  }
};

}  // namespace
}  // namespace edgert
