// Products of bytes by their definition.
#pragma once

#include <vector>

#include "product_case.h"

namespace edgert::test {

// The exact sums without the bias, pixel after pixel; pads hold x_zero.
inline std::vector<int64_t> sums_of(const ProductShape& g, const uint8_t* x, const int8_t* w,
                                    int x_zero) {
  const size_t group_channels = g.channels / g.groups, group_outputs = g.outputs / g.groups;
  std::vector<int64_t> sums;
  for (size_t b = 0; b < g.batch; ++b)
    for (size_t oy = 0; oy < g.out_height; ++oy)
      for (size_t ox = 0; ox < g.out_width; ++ox)
        for (size_t o = 0; o < g.outputs; ++o) {
          const int8_t* weight = w + o * g.kernel[0] * g.kernel[1] * group_channels;
          int64_t sum = 0;
          for (size_t i = 0; i < g.kernel[0]; ++i)
            for (size_t j = 0; j < g.kernel[1]; ++j) {
              const size_t py = oy * g.strides[0] + i * g.dilations[0] + g.skip[0] - g.pads[0];
              const size_t px = ox * g.strides[1] + j * g.dilations[1] + g.skip[1] - g.pads[1];
              const bool inside = py < g.height && px < g.width;  // no negative number is
              const size_t pixel = ((b * g.height + py) * g.width + px) * g.channels +
                                   o / group_outputs * group_channels;
              for (size_t c = 0; c < group_channels; ++c)
                sum += (inside ? int{x[pixel + c]} : x_zero) * *weight++;
            }
          sums.push_back(sum);
        }
  return sums;
}

}  // namespace edgert::test
