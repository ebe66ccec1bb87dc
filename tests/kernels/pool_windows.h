// The windows of a pooling along one axis, for the tests of all element types.
#pragma once

#include <vector>

#include "kernels/records/pool_image.h"

namespace edgert::test {

struct PoolAxis {
  int size, kernel, stride, dilation, pad;
};

inline std::vector<PoolWindow> pool_windows(const PoolAxis& axis) {
  std::vector<PoolWindow> list;
  for (int start = -axis.pad; start + (axis.kernel - 1) * axis.dilation < axis.size + axis.pad;
       start += axis.stride) {
    PoolWindow window{0, 0, axis.kernel};
    for (int k = 0; k < axis.kernel; ++k) {
      const int at = start + k * axis.dilation;
      if (at < 0 || at >= axis.size) continue;
      if (window.taps++ == 0) window.first = at;
    }
    list.push_back(window);
  }
  return list;
}

}  // namespace edgert::test
