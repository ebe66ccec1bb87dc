#include "core/cpu.h"

#include <pybind11/pybind11.h>

#include <algorithm>
#include <string>
#include <vector>

#include "api/edgert.h"
#include "bindings/bindings.h"
#include "core/hardware.h"
#include "core/text.h"
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
  m.def("detected_isa", &detected);
  m.def("active_isa", &active);
  m.def("usable_cpus", [] { return py::int_(edgert_usable_cpus()); });
  m.def("default_threads", [] { return py::int_(edgert_default_threads()); });
  m.def("machine", [] { return py::str(printable(hardware().name)); });
  m.def("cores", &cores, "(type, count, kHz at most or 0) of the usable CPUs, fastest first");
  m.def("cache_sizes", [] { return py::make_tuple(cache_sizes().l1, cache_sizes().l2); });
  m.def("usable_memory", [] { return py::int_(edgert_usable_memory()); });
  m.def("kernels", &kernels,
        "(symbol, family, ISA level) of every kernel of this build, best first");
}

}  // namespace edgert
