// Memory with guard pages.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace edgert::test {

enum class Guard { kFront, kBack };  // the side on which the elements touch an inaccessible page

// Elements flush against an inaccessible page: an access beyond them on that side is a crash.
// Everything starts as 0xFF bytes (NaN for floats).
template <typename T>
class GuardedArray {
 public:
  explicit GuardedArray(size_t count, Guard guard = Guard::kBack) : count_(count) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t body = (count * sizeof(T) + page - 1) / page * page;
    bytes_ = body + 2 * page;
    void* map = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) std::abort();
    map_ = static_cast<char*>(map);
    std::memset(map_ + page, 0xFF, body);
    if (mprotect(map_, page, PROT_NONE) != 0 || mprotect(map_ + page + body, page, PROT_NONE) != 0)
      std::abort();
    const size_t slack = guard == Guard::kBack ? body - count * sizeof(T) : 0;
    data_ = reinterpret_cast<T*>(map_ + page + slack);
  }
  ~GuardedArray() { munmap(map_, bytes_); }
  GuardedArray(const GuardedArray&) = delete;
  GuardedArray& operator=(const GuardedArray&) = delete;

  // From now on writing is a crash, too.
  void protect() {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    if (mprotect(map_ + page, bytes_ - 2 * page, PROT_READ) != 0) std::abort();
  }

  T* data() { return data_; }
  size_t size() const { return count_; }
  T& operator[](size_t i) { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + count_; }

 private:
  char* map_;
  size_t bytes_, count_;
  T* data_;
};

// Bytes that begin at a multiple of 4, as payloads of files do, and end at an inaccessible page or
// up to 3 bytes before it.
class GuardedBytes {
 public:
  explicit GuardedBytes(size_t count) : count_(count), words_((count + 3) / 4) {}
  uint8_t* data() { return reinterpret_cast<uint8_t*>(words_.data()); }
  std::byte* bytes() { return reinterpret_cast<std::byte*>(words_.data()); }
  size_t size() const { return count_; }
  uint8_t& operator[](size_t i) { return data()[i]; }
  uint8_t* begin() { return data(); }
  uint8_t* end() { return data() + count_; }

 private:
  size_t count_;
  GuardedArray<uint32_t> words_;
};

}  // namespace edgert::test
