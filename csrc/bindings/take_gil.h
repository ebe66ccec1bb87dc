// The way back to the interpreter's lock.
#pragma once

#include <Python.h>

namespace edgert {

// Python before 3.14 ends a thread that asks for the lock of an interpreter which is shutting down.
// That would run destructors, which let nothing pass, so that the process would be aborted. Here
// such a thread sleeps until the process ends.
void take_gil(PyThreadState* state);

}  // namespace edgert
