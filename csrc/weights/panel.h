// How the elements of a weight lie in panels, as constants: schema/weights.def has the words.
// Kernels take their steps from here, so that this file has nothing but constants.
#pragma once

#include <cstddef>

namespace edgert {

// A panel has the weights of kOutputs outputs. It consists of steps, each with kDepth elements of
// the depth of every output: [kOutputs][kDepth]. Each tap is filled up to whole steps with zeros.
template <int kSideBySide>
struct Panel {
  static constexpr int kOutputs = 16;
  static constexpr int kDepth = kSideBySide;
  static constexpr int kStep = kOutputs * kDepth;  // elements
  // Whether so many outputs are whole panels, so that those of the next group can follow.
  static constexpr bool are_whole(size_t outputs) { return outputs % kOutputs == 0; }
};

using K1N16 = Panel<1>;
using K2N16 = Panel<2>;
using K4N16 = Panel<4>;

// Codes of weights in panels: a step is as long as one of K4N16, each of its bytes has the codes of
// several elements, K4N16::kDepth apart, the first in the lowest bits.
struct CodePanel {
  static constexpr int kOutputs = K4N16::kOutputs;
  static constexpr int kStep = K4N16::kStep;  // bytes
  static constexpr int kTableBytes = 64;      // before the first panel, of weights with a table
  static constexpr size_t depth(unsigned bits) { return 8 / bits * K4N16::kDepth; }  // of a step
};

}  // namespace edgert
