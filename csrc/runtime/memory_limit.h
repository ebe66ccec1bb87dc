// The caller's limit on private memory.
#pragma once

#include <cstdint>

#include "core/error.h"

namespace edgert {

// Throws Error(kLimit) if a model that takes `bytes` of private memory, or more, exceeds the limit.
// To be called before the memory is asked for.
inline void require_memory(uint64_t bytes, uint64_t limit) {
  if (bytes > limit)
    throw Error(
        ErrorCode::kLimit, "MEMORY",
        format("the model needs %llu bytes of memory or more; the limit is %llu",
               static_cast<unsigned long long>(bytes), static_cast<unsigned long long>(limit)));
}

}  // namespace edgert
