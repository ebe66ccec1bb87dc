// How the elements of a weight lie in blocks, as constants: schema/weights.def has the words.
// Kernels take their steps from here, so that this file has nothing but constants.
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgert {

// A block has kDepth elements of the depth of each of kOutputs outputs: [kOutputs][kDepth].
template <int kHigh, int kWide>
struct Block {
  static constexpr int kOutputs = kHigh;
  static constexpr int kDepth = kWide;
  static constexpr int kElements = kHigh * kWide;
};

using Csr = Block<1, 1>;
using Bsr1x4 = Block<1, 4>;
using Bsr4x4 = Block<4, 4>;

// Where the rows of blocks from one on lie in a payload.
template <typename T>
struct BlockRows {
  const uint16_t* counts;  // blocks of a row
  const T* blocks;
  const uint8_t* gaps;  // blocks left out before each
};

}  // namespace edgert
