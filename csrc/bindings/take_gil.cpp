// Compiled without exceptions, so that the handler below is reached by a jump and nothing unwinds
// the stack: the unwinder of the C library and that of a C++ library which is linked statically may
// differ.
#include "bindings/take_gil.h"

#include <pthread.h>
#include <unistd.h>

namespace edgert {
namespace {

void sleep_for_ever(void*) {
  for (;;) pause();
}

}  // namespace

void take_gil(PyThreadState* state) {
  pthread_cleanup_push(&sleep_for_ever, nullptr);
  PyEval_RestoreThread(state);
  pthread_cleanup_pop(0);
}

}  // namespace edgert
