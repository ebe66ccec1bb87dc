// Aligned private memory and read-only file mappings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace edgert {

constexpr size_t kAlignment = 64;  // a cache line; what every buffer starts at

constexpr size_t round_up(size_t value, size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

constexpr size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }

// Memory aligned to kAlignment, or Error(kResource). Pages are not touched until used.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(size_t bytes);
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
};

// A regular file mapped read-only and private. Error(kIo) if it cannot be opened, is not a regular
// file or cannot be mapped; an empty file gives an empty mapping.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::byte* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  const std::byte* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace edgert
