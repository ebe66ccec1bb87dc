// Files of 2 GiB and more have their size where long has 32 bits, too. Before all headers.
#define _FILE_OFFSET_BITS 64

#include "core/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "core/interrupt.h"
#include "core/text.h"

namespace edgert {

Mapping::~Mapping() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), bytes_);
}

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

File::File(const std::string& path) : path_(path), descriptor_(-1) {
  if (path.find('\0') != std::string::npos) fail("open", EINVAL);
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  descriptor_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) fail("open", errno);
  struct stat status;
  const int failed = fstat(descriptor_, &status) != 0 ? errno : 0;
  if (failed == 0 && S_ISREG(status.st_mode)) {
    bytes_ = static_cast<uint64_t>(status.st_size);
    return;
  }
  close(descriptor_);  // there will be no destructor
  if (failed != 0) fail("stat", failed);
  throw Error(ErrorCode::kIo, "IO", printable(path) + " is not a regular file");
}

File::~File() { close(descriptor_); }

void File::fail(const char* doing, int error) const {
  const bool memory = error == ENOMEM;
  throw Error(memory ? ErrorCode::kResource : ErrorCode::kIo, memory ? "MEMORY" : "IO",
              format("cannot %s %s: %s", doing, printable(path_).c_str(), std::strerror(error)));
}

void File::read(uint64_t offset, void* to, size_t bytes) const {
  // At a time no more than takes some milliseconds; a file of a network or of FUSE may give less.
  constexpr size_t kMost = size_t{1} << 24;
  for (std::byte* next = static_cast<std::byte*>(to); bytes > 0;) {
    check_interrupt();
    const ssize_t count =
        pread(descriptor_, next, std::min(bytes, kMost), static_cast<off_t>(offset));
    if (count == 0)
      throw Error(ErrorCode::kIo, "IO",
                  format("cannot read %s: it ended at %llu of %llu bytes, it is being changed",
                         printable(path_).c_str(), static_cast<unsigned long long>(offset),
                         static_cast<unsigned long long>(bytes_)));
    if (count < 0 && errno != EINTR) fail("read", errno);
    if (count < 0) continue;
    next += count;
    offset += static_cast<uint64_t>(count);
    bytes -= static_cast<size_t>(count);
  }
}

Mapping File::map() const {
  if (bytes_ > PTRDIFF_MAX)
    throw Error(ErrorCode::kLimit, "MEMORY",
                format("cannot map %s: it has %llu bytes, a process of this machine can address "
                       "%llu",
                       printable(path_).c_str(), static_cast<unsigned long long>(bytes_),
                       static_cast<unsigned long long>(PTRDIFF_MAX)));
  Mapping mapping;
  void* const data =
      mmap(nullptr, static_cast<size_t>(bytes_), PROT_READ, MAP_PRIVATE, descriptor_, 0);
  if (data == MAP_FAILED) fail("map", errno);
  mapping.data_ = static_cast<const std::byte*>(data);
  mapping.bytes_ = static_cast<size_t>(bytes_);
  return mapping;
}

}  // namespace edgert
