#include "faults.h"

#include <sys/types.h>

#include <atomic>
#include <cerrno>
#include <new>

namespace edgert::test {
namespace {

std::atomic<bool> armed{false};
std::atomic<size_t> requests{0};
size_t first_refused;
FaultMode fault_mode;

bool refused() {
  if (!armed.load()) return false;
  const size_t request = requests.fetch_add(1);
  return fault_mode == FaultMode::kOnce ? request == first_refused : request >= first_refused;
}

}  // namespace

void arm_faults(size_t first, FaultMode mode) {
  first_refused = first;
  fault_mode = mode;
  requests = 0;
  armed = true;
}

size_t disarm_faults() {
  armed = false;
  return requests;
}

}  // namespace edgert::test

using edgert::test::refused;

// The linker (--wrap) calls __wrap_f for f, and f for __real_f.
extern "C" {

void* __real_malloc(size_t);
void* __wrap_malloc(size_t bytes) {
  if (!refused()) return __real_malloc(bytes);
  errno = ENOMEM;
  return nullptr;
}

void* __real_calloc(size_t, size_t);
void* __wrap_calloc(size_t count, size_t bytes) {
  if (!refused()) return __real_calloc(count, bytes);
  errno = ENOMEM;
  return nullptr;
}

void* __real_realloc(void*, size_t);
void* __wrap_realloc(void* data, size_t bytes) {
  if (!refused()) return __real_realloc(data, bytes);
  errno = ENOMEM;
  return nullptr;
}

int __real_posix_memalign(void**, size_t, size_t);
int __wrap_posix_memalign(void** data, size_t alignment, size_t bytes) {
  return refused() ? ENOMEM : __real_posix_memalign(data, alignment, bytes);
}

void* __real_aligned_alloc(size_t, size_t);
void* __wrap_aligned_alloc(size_t alignment, size_t bytes) {
  if (!refused()) return __real_aligned_alloc(alignment, bytes);
  errno = ENOMEM;
  return nullptr;
}

void* __real_mmap(void*, size_t, int, int, int, off_t);
void* __wrap_mmap(void* at, size_t bytes, int protection, int flags, int file, off_t offset) {
  if (!refused()) return __real_mmap(at, bytes, protection, flags, file, offset);
  errno = ENOMEM;
  return reinterpret_cast<void*>(-1);
}

int __real_pthread_create(void*, const void*, void* (*)(void*), void*);
int __wrap_pthread_create(void* thread, const void* attributes, void* (*start)(void*),
                          void* argument) {
  return refused() ? EAGAIN : __real_pthread_create(thread, attributes, start, argument);
}

// The operators of the C++ library, under their mangled names: new, new[], aligned, nothrow.
void* __real__Znwm(size_t);
void* __wrap__Znwm(size_t bytes) {
  if (refused()) throw std::bad_alloc();
  return __real__Znwm(bytes);
}

void* __real__Znam(size_t);
void* __wrap__Znam(size_t bytes) {
  if (refused()) throw std::bad_alloc();
  return __real__Znam(bytes);
}

void* __real__ZnwmSt11align_val_t(size_t, std::align_val_t);
void* __wrap__ZnwmSt11align_val_t(size_t bytes, std::align_val_t alignment) {
  if (refused()) throw std::bad_alloc();
  return __real__ZnwmSt11align_val_t(bytes, alignment);
}

void* __real__ZnwmRKSt9nothrow_t(size_t, const std::nothrow_t&);
void* __wrap__ZnwmRKSt9nothrow_t(size_t bytes, const std::nothrow_t& tag) {
  return refused() ? nullptr : __real__ZnwmRKSt9nothrow_t(bytes, tag);
}

}  // extern "C"
