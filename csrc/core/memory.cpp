#include "core/memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace edgert {

Buffer::Buffer(size_t bytes) : bytes_(bytes) {
  if (bytes == 0) return;
  void* data = nullptr;
  if (bytes > SIZE_MAX - kAlignment ||
      posix_memalign(&data, kAlignment, round_up(bytes, kAlignment)) != 0)
    throw Error(ErrorCode::kResource, "MEMORY", format("cannot allocate %zu bytes", bytes));
  data_ = static_cast<std::byte*>(data);
}

Buffer::~Buffer() { std::free(data_); }

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

namespace {

struct FileDescriptor {
  int fd;
  ~FileDescriptor() {
    if (fd >= 0) close(fd);
  }
};

[[noreturn]] void fail(const char* doing, const std::string& path, int error) {
  const bool memory = error == ENOMEM;
  throw Error(memory ? ErrorCode::kResource : ErrorCode::kIo, memory ? "MEMORY" : "IO",
              format("cannot %s %s: %s", doing, path.c_str(), std::strerror(error)));
}

}  // namespace

MappedFile::MappedFile(const std::string& path) {
  if (path.find('\0') != std::string::npos) fail("open", path, EINVAL);
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  const FileDescriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) fail("open", path, errno);
  struct stat status;
  if (fstat(file.fd, &status) != 0) fail("stat", path, errno);
  if (!S_ISREG(status.st_mode))
    throw Error(ErrorCode::kIo, "IO", format("%s is not a regular file", path.c_str()));
  if (status.st_size == 0) return;
  if (static_cast<uint64_t>(status.st_size) > SIZE_MAX) fail("map", path, EFBIG);
  bytes_ = static_cast<size_t>(status.st_size);
  void* map = mmap(nullptr, bytes_, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (map == MAP_FAILED) fail("map", path, errno);
  data_ = static_cast<const std::byte*>(map);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), bytes_);
}

}  // namespace edgert
