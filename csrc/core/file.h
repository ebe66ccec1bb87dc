// Files that are read or mapped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace edgert {

// A file mapped read-only and private, or nothing. What others write into the file shows; where it
// has been cut off, an access kills the process with SIGBUS.
class Mapping {
 public:
  Mapping() = default;
  ~Mapping();
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  const std::byte* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  friend class File;
  const std::byte* data_ = nullptr;
  size_t bytes_ = 0;
};

// A regular file, open for reading. Error(kIo) if it cannot be opened or is something else.
class File {
 public:
  explicit File(const std::string& path);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  uint64_t bytes() const { return bytes_; }  // when it was opened

  // Reads `bytes` bytes from `offset` on, or throws Error(kIo): also if the file has become
  // shorter.
  void read(uint64_t offset, void* to, size_t bytes) const;

  // All of it, not empty. Error(kIo) if that is refused, Error(kLimit) if it cannot be addressed.
  Mapping map() const;

 private:
  [[noreturn]] void fail(const char* doing, int error) const;

  std::string path_;
  int descriptor_;
  uint64_t bytes_ = 0;
};

}  // namespace edgert
