// How the vectorised kernels divide a problem, and their scratch. Local to the file that includes
// it.
#pragma once

#include "kernels/dwconv_i8/dwconv_i8.h"

namespace edgert {
namespace {

struct DwconvI8Plan {
  size_t groups;  // groups of `group_rows` rows of the image, for the rows of the filter
  size_t rows;    // rows of the output computed from the same groups
  size_t strip;   // columns of the output computed at a time
  // Where in scratch, in bytes: bias, multipliers and weights of a block of channels, then the
  // columns of the image that a strip sees.
  size_t multipliers, weights, halves, columns, bytes;

  // Blocks of `block` channels, whose four vectors of a group and a column of the filter or the
  // image take `quad` bytes.
  DwconvI8Plan(const DwconvI8& g, size_t block, size_t group_rows) {
    constexpr size_t kMostColumns = 28;  // of a strip: its part of the image stays in the L1 cache
    const size_t quad = 4 * block;
    groups = (g.kernel[0] + group_rows - 1) / group_rows;
    const bool dense = g.strides[0] == 1 && g.dilations[0] == 1;
    rows = dense ? groups * group_rows - g.kernel[0] + 1 : 1;
    const size_t strips = (g.out_width + kMostColumns - 1) / kMostColumns;
    strip = (g.out_width + strips - 1) / strips;
    multipliers = quad;
    weights = multipliers + quad;
    halves = weights + rows * groups * g.kernel[1] * quad;
    columns = halves + strip * block;
    const size_t seen = (strip - 1) * g.strides[1] + (g.kernel[1] - 1) * g.dilations[1] + 1;
    bytes = columns + seen * groups * quad;
  }
};

}  // namespace
}  // namespace edgert
