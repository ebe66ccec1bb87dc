// The parts of the Python module; module.cpp lists them.
#pragma once

#include <pybind11/pybind11.h>

namespace edgert {

void register_errors(pybind11::module_& m);
void register_schema(pybind11::module_& m);
void register_cpu(pybind11::module_& m);
void register_session(pybind11::module_& m);
void register_weights(pybind11::module_& m);

}  // namespace edgert
