// A few elements without the allocator.
#pragma once

#include <cstddef>
#include <vector>

namespace edgert {

// An array of a fixed number of elements that allocates only if there are more than `kInline`.
template <typename T, size_t kInline>
class SmallArray {
 public:
  explicit SmallArray(size_t count) : count_(count) {
    if (count > kInline) many_.resize(count);
  }
  size_t size() const { return count_; }
  T* data() { return many_.empty() ? few_ : many_.data(); }
  T* begin() { return data(); }
  T* end() { return data() + count_; }
  T& operator[](size_t i) { return data()[i]; }

 private:
  size_t count_;
  T few_[kInline];
  std::vector<T> many_;
};

}  // namespace edgert
