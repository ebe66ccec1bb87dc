#include "core/cpu.h"

#include <pybind11/pybind11.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bindings/bindings.h"
#include "core/text.h"
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

// The number of CPUs that this process may use of each kind, the fastest kinds first.
py::list cores() {
  struct Kind {
    std::string name;
    uint64_t max_khz;
    uint64_t capacity;
    int count;
  };
  std::vector<Kind> kinds;
  for (int number : scheduled_cpus()) {
    const Cpu* const known = hardware().find(number);
    const Cpu cpu = known != nullptr ? *known : Cpu();
    const std::string name = core_name(cpu.type);
    const auto same = [&](const Kind& kind) {
      return kind.name == name && kind.max_khz == cpu.max_khz && kind.capacity == cpu.capacity;
    };
    const auto kind = std::find_if(kinds.begin(), kinds.end(), same);
    if (kind != kinds.end())
      ++kind->count;
    else
      kinds.push_back({name, cpu.max_khz, cpu.capacity, 1});
  }
  std::stable_sort(kinds.begin(), kinds.end(),
                   [](const Kind& a, const Kind& b) { return a.capacity > b.capacity; });
  py::list list;
  for (const Kind& kind : kinds) list.append(py::make_tuple(kind.name, kind.count, kind.max_khz));
  return list;
}

}  // namespace

void register_cpu(py::module_& m) {
  m.def("detected_isa", [] { return names(detected_isa()); });
  m.def("active_isa", [] { return names(cpu_isa()); });
  m.def("usable_cpus", [] { return py::int_(usable_cpus()); });
  m.def("default_threads", [] { return py::int_(default_threads()); });
  m.def("machine", [] { return py::str(printable(hardware().name)); });
  m.def("cores", &cores, "(type, count, kHz at most or 0) of the usable CPUs, fastest first");
  m.def("cache_sizes", [] { return py::make_tuple(cache_sizes().l1, cache_sizes().l2); });
  m.def("usable_memory", [] { return py::int_(usable_memory()); });
  m.def("kernels", &kernels,
        "(symbol, family, ISA level) of every kernel of this build, best first");
}

}  // namespace edgert
