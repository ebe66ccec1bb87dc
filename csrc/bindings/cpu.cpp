#include "core/cpu.h"

#include <pybind11/pybind11.h>

#include "bindings/bindings.h"
#include "kernels/list.h"

namespace py = pybind11;

namespace edgert {
namespace {

py::list names(IsaSet set) {
  py::list list;
  for (Isa isa : isa_list(set)) list.append(isa_name(isa));
  return list;
}

py::list kernels() {
  py::list list;
  for (const KernelInfo& kernel : kernel_list())
    list.append(py::make_tuple(kernel.name, kernel.family, isa_name(kernel.isa)));
  return list;
}

}  // namespace

void register_cpu(py::module_& m) {
  m.def("detected_isa", [] { return names(detected_isa()); });
  m.def("active_isa", [] { return names(cpu_isa()); });
  m.def("usable_cpus", [] { return py::int_(usable_cpus()); });
  m.def("usable_memory", [] { return py::int_(usable_memory()); });
  m.def("kernels", &kernels,
        "(symbol, family, ISA level) of every kernel of this build, best first");
}

}  // namespace edgert
