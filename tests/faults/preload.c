/* The faults of faults.cpp for a whole process, Python's: to be loaded before the C library. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Python's side writes and reads these: a call would need memory. */
int faults_armed, faults_from_then_on;
size_t faults_first;
atomic_size_t faults_requests;

static int refused(void) {
  if (!faults_armed) return 0;
  const size_t request = faults_requests++;
  if (faults_from_then_on ? request < faults_first : request != faults_first) return 0;
  errno = ENOMEM;
  return 1;
}

/* glibc's own names: dlsym() would allocate. */
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);

void* malloc(size_t bytes) { return refused() ? NULL : __libc_malloc(bytes); }

void* calloc(size_t count, size_t bytes) { return refused() ? NULL : __libc_calloc(count, bytes); }

void* realloc(void* data, size_t bytes) { return refused() ? NULL : __libc_realloc(data, bytes); }

void* aligned_alloc(size_t alignment, size_t bytes) {
  return refused() ? NULL : __libc_memalign(alignment, bytes);
}

int posix_memalign(void** data, size_t alignment, size_t bytes) {
  if (refused()) return ENOMEM;
  void* const found = __libc_memalign(alignment, bytes);
  if (found == NULL) return ENOMEM;
  *data = found;
  return 0;
}

void* mmap(void* at, size_t bytes, int protection, int flags, int file, off_t offset) {
  if (refused()) return MAP_FAILED;
  return (void*)syscall(SYS_mmap, at, bytes, protection, flags, file, offset);
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                   void* argument) {
  if (refused()) return EAGAIN;
  int (*create)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*) =
      (int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*))dlsym(RTLD_NEXT,
                                                                                 "pthread_create");
  return create(thread, attributes, start, argument);
}
