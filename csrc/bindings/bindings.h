// The parts of the Python module; module.cpp lists them.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>

#include "api/edgert.h"

namespace edgert {

// What a call of the C API says, or Failed, of which Python sees the class of edgert.errors, with
// the message and the rule of the thread's last error. EDGERT_INTERRUPTED: Python's pending
// exception.
struct Failed {
  edgert_status status;
};
inline void require_ok(edgert_status status) {
  if (status == EDGERT_INTERRUPTED) throw pybind11::error_already_set();
  if (status != EDGERT_OK) throw Failed{status};
}

pybind11::tuple shape_tuple(int rank, const int32_t* dims);

void register_errors(pybind11::module_& m);
void register_infer(pybind11::module_& m);
void register_schema(pybind11::module_& m);
void register_cpu(pybind11::module_& m);
void register_session(pybind11::module_& m);
void register_weights(pybind11::module_& m);

}  // namespace edgert
