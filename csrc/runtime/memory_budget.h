// The caller's limit on private memory, and what was counted against it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/error.h"
#include "core/memory.h"

namespace edgert {

// The private memory of a session. All that grows with weights or shapes is counted before it is
// asked for, in 64 bits on every machine: what passes fits into memory, so that size_t holds it.
// Beyond the limit it throws Error(kLimit, "MEMORY").
class MemoryBudget {
 public:
  explicit MemoryBudget(uint64_t limit) : limit_(std::min<uint64_t>(limit, PTRDIFF_MAX)) {}

  // What stays as long as the session does.
  void take(uint64_t bytes) {
    require(bytes);
    taken_ += bytes;
  }
  // Also what steps hold: tables by shapes, and weights in other forms.
  void take_tables(uint64_t bytes) {
    take(bytes);
    tables_ += bytes;
  }
  void take_weights(uint64_t bytes) {
    take(bytes);
    weights_ += bytes;
  }
  Buffer allocate_weights(uint64_t bytes) {
    take_weights(bytes);
    return Buffer(static_cast<size_t>(bytes));
  }
  // What is there for a while, such as scratch.
  void require(uint64_t bytes) const {
    const uint64_t needed = bytes > UINT64_MAX - taken_ ? UINT64_MAX : taken_ + bytes;
    if (needed > limit_)
      throw Error(
          ErrorCode::kLimit, "MEMORY",
          format("the model needs %llu bytes of memory or more; the limit is %llu%s",
                 static_cast<unsigned long long>(needed), static_cast<unsigned long long>(limit_),
                 limit_ < PTRDIFF_MAX ? "" : ", all that a process of this machine can address"));
  }

  uint64_t tables() const { return tables_; }
  uint64_t weights() const { return weights_; }

 private:
  uint64_t limit_, taken_ = 0, tables_ = 0, weights_ = 0;
};

}  // namespace edgert
