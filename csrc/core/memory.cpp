#include "core/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "core/error.h"

namespace edgert {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;  // of x86-64, and of ARM with pages of 4 KiB

[[noreturn]] void refuse(uint64_t bytes) {
  throw Error(ErrorCode::kResource, "MEMORY",
              format("cannot allocate %llu bytes", static_cast<unsigned long long>(bytes)));
}

// Pages that start at a multiple of kHugePage, `bytes` whole pages; null if the system refuses.
std::byte* map_pages(size_t bytes) {
  const size_t room = bytes + kHugePage;
  void* const map = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) return nullptr;
  std::byte* const begin = static_cast<std::byte*>(map);
  const size_t before = -reinterpret_cast<uintptr_t>(map) % kHugePage;
  if (before > 0) munmap(begin, before);
  munmap(begin + before + bytes, kHugePage - before);
#ifdef MADV_HUGEPAGE
  madvise(begin + before, bytes, MADV_HUGEPAGE);  // where there are none, small ones do as well
#endif
  return begin + before;
}

}  // namespace

Buffer::Buffer(size_t bytes) : bytes_(bytes) {
  // No bytes have an address, too: copying none of them must not be from or to null.
  void* data = nullptr;
  if (bytes > SIZE_MAX - kAlignment ||
      posix_memalign(&data, kAlignment, round_up(std::max<size_t>(bytes, 1), kAlignment)) != 0)
    refuse(bytes);
  data_ = static_cast<std::byte*>(data);
}

uint64_t Buffer::huge_bytes(uint64_t bytes) {
  if (bytes < kHugePage / 2) return bytes;
  const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const uint64_t unit = bytes % kHugePage >= kHugePage / 2 ? kHugePage : page;
  return (bytes + unit - 1) / unit * unit;
}

Buffer Buffer::huge(uint64_t bytes) {
  const uint64_t taken = huge_bytes(bytes);
  if (taken > PTRDIFF_MAX - kHugePage) refuse(bytes);
  if (taken < kHugePage / 2) return Buffer(static_cast<size_t>(bytes));
  Buffer buffer;
  buffer.data_ = map_pages(static_cast<size_t>(taken));
  if (buffer.data_ == nullptr) refuse(bytes);
  buffer.bytes_ = static_cast<size_t>(taken);
  buffer.mapped_ = true;
  return buffer;
}

Buffer::~Buffer() {
  if (mapped_)
    munmap(data_, bytes_);
  else
    std::free(data_);
}

Buffer::Buffer(Buffer&& other) noexcept { *this = std::move(other); }

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(mapped_, other.mapped_);
  return *this;
}

}  // namespace edgert
