#include <pybind11/pybind11.h>

#include "api/edgert.h"
#include "bindings/bindings.h"
#include "kernels/list.h"

namespace py = pybind11;

namespace edgert {
namespace {

py::list names(const edgert_levels& levels, size_t count) {
  py::list list;
  for (size_t i = 0; i < count; ++i) list.append(py::str(levels.names[i]));
  return list;
}

// The levels of this CPU, which the environment cannot make wrong.
py::list detected() {
  edgert_levels levels = EDGERT_LEVELS_INIT;
  edgert_get_levels(&levels);
  return names(levels, levels.detected);
}

py::list active() {
  edgert_levels levels = EDGERT_LEVELS_INIT;
  require_ok(edgert_get_levels(&levels));
  return names(levels, levels.active);
}

py::list kernels() {
  py::list list;
  for (const KernelInfo& kernel : kernel_list())
    list.append(py::make_tuple(kernel.name, kernel.family, isa_name(kernel.isa)));
  return list;
}

}  // namespace

void register_cpu(py::module_& m) {
  m.def("detected_isa", &detected);
  m.def("active_isa", &active);
  m.def("usable_cpus", [] { return py::int_(edgert_usable_cpus()); });
  m.def("usable_memory", [] { return py::int_(edgert_usable_memory()); });
  m.def("kernels", &kernels,
        "(symbol, family, ISA level) of every kernel of this build, best first");
}

}  // namespace edgert
