// Work of the runtime, which needs no Python objects, without the interpreter's lock.
#pragma once

#include <pybind11/pybind11.h>

#include "core/interrupt.h"

namespace edgert {

// The calling thread lets go of the lock and takes it again at the end. In between, on Python's
// main thread, Python's signal handlers get their turn; if one raises, as that of Ctrl-C does, so
// that the scope ends with Interrupted, its exception is pending then.
class GilRelease {
 public:
  GilRelease() : state_(PyEval_SaveThread()), scope_(&handle_signals, this) {}
  ~GilRelease() { take_gil(); }
  GilRelease(const GilRelease&) = delete;
  GilRelease& operator=(const GilRelease&) = delete;

 private:
  static bool handle_signals(void* release);
  void take_gil();

  PyThreadState* state_;
  InterruptScope scope_;
};

template <typename Work>
void without_gil(const Work& work) {
  try {
    const GilRelease release;
    work();
  } catch (const Interrupted&) {
    throw pybind11::error_already_set();
  }
}

}  // namespace edgert
