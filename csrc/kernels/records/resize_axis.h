// What the interpolations of every element type read along an axis of an image.
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgert {

// Some positions in the input, as many for each output, and their weights.
struct ResizeAxis {
  const int32_t* at;
  const float* weight;
  size_t size;  // outputs
};

}  // namespace edgert
