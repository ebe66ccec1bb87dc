#include <pybind11/pybind11.h>

#include "bindings/bindings.h"

PYBIND11_MODULE(_core, m) {
  m.doc() = "edgert's C++ runtime; use the package `edgert`, not this module";
  m.attr("__version__") = edgert_version();
  edgert::register_errors(m);
  edgert::register_schema(m);
  edgert::register_infer(m);
  edgert::register_cpu(m);
  edgert::register_session(m);
  edgert::register_weights(m);
}
