// Elements of which only the size matters.
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgert {

// Calls visit with an element of any type of 1, 2, 4 or 8 bytes.
template <typename Visit>
auto with_element(size_t bytes, const Visit& visit) {
  switch (bytes) {
    case 1:
      return visit(uint8_t{});
    case 2:
      return visit(uint16_t{});
    case 4:
      return visit(uint32_t{});
    default:
      return visit(uint64_t{});
  }
}

}  // namespace edgert
