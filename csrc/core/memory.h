// Aligned private memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgert {

constexpr size_t kAlignment = 64;  // a cache line; what every buffer starts at

constexpr size_t round_up(size_t value, size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// The same where size_t may be too narrow, as for sums that are only compared with a limit.
constexpr uint64_t round_up64(uint64_t value, uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

constexpr size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }

// Memory aligned to kAlignment, or Error(kResource). Pages are not touched until used.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(size_t bytes);
  // At least `bytes`, for what stays and is read over and over: in huge pages, where the system has
  // them and one is at least half full, which take a page fault for 2 MiB and not for each 4 KiB.
  static Buffer huge(uint64_t bytes);
  static uint64_t huge_bytes(uint64_t bytes);  // that it takes
  ~Buffer();
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::byte* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  size_t bytes_ = 0;
  bool mapped_ = false;  // from the system, not from the allocator
};

}  // namespace edgert
