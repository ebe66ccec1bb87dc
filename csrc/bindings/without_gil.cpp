#include "bindings/without_gil.h"

#include <cxxabi.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace edgert {

// In other threads Python runs no handlers, and waiting for the lock would cost time.
int GilRelease::handle_signals(void* release) {
  if (syscall(SYS_gettid) != getpid()) return 0;
  GilRelease* const self = static_cast<GilRelease*>(release);
  self->take_gil();
  const int raised = PyErr_CheckSignals();
  self->state_ = PyEval_SaveThread();
  return raised;
}

// Python before 3.14 ends a thread that asks for the lock of an interpreter which is shutting down,
// by unwinding its stack: through destructors, which let nothing pass, so that the process would be
// aborted. Such a thread sleeps until the process ends.
void GilRelease::take_gil() {
  try {
    PyEval_RestoreThread(state_);
  } catch (abi::__forced_unwind&) {
    for (;;) pause();
  }
}

}  // namespace edgert
