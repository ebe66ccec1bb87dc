#include "bindings/without_gil.h"

#include <sys/syscall.h>
#include <unistd.h>

namespace edgert {

// In other threads Python runs no handlers, and waiting for the lock would cost time.
int GilRelease::handle_signals(void* release) {
  if (syscall(SYS_gettid) != getpid()) return 0;
  GilRelease* const self = static_cast<GilRelease*>(release);
  take_gil(self->state_);
  const int raised = PyErr_CheckSignals();
  self->state_ = PyEval_SaveThread();
  return raised;
}

}  // namespace edgert
