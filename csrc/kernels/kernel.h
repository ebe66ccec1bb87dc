// A kernel: one way to compute what its family's header states. Families whose rows say more have
// records of their own.
#pragma once

#include "core/cpu.h"

namespace edgert {

template <typename Arguments>
struct Kernel {
  using Fn = void (*)(const Arguments&);

  const char* name;
  Isa isa;
  Fn run;
};

}  // namespace edgert
