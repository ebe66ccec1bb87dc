// Calls of the C API, which need no Python objects, without the interpreter's lock.
#pragma once

#include <pybind11/pybind11.h>

#include "bindings/bindings.h"
#include "bindings/take_gil.h"

namespace edgert {

// The calling thread lets go of the lock and takes it again at the end. In between, on Python's
// main thread, handle_signals() gives Python's signal handlers their turn; if one raises, as that
// of Ctrl-C does, it is not 0, and the handler's exception is pending at the end.
class GilRelease {
 public:
  GilRelease() : state_(PyEval_SaveThread()) {}
  ~GilRelease() { take_gil(state_); }
  GilRelease(const GilRelease&) = delete;
  GilRelease& operator=(const GilRelease&) = delete;

  static int handle_signals(void* release);  // an edgert_stop

 private:
  PyThreadState* state_;
};

// `call(stop, stop_context)` gives the status of a call that may be stopped.
template <typename Call>
void without_gil(const Call& call) {
  edgert_status status;
  {
    GilRelease release;
    status = call(&GilRelease::handle_signals, &release);
  }
  require_ok(status);
}

}  // namespace edgert
