// A kernel: one way to compute what its family's header states; and the kernels of the families
// that have one for each level with vectors. Families with tables have records of their own.
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

#define FAMILY(family, Arguments) struct Arguments;
#include "kernels/families.def"

struct LevelKernels {
  Isa isa;
  bool fused;  // a * b + c is rounded once, in families that do not promise otherwise
#define FAMILY(family, Arguments) Kernel<Arguments> family;
#include "kernels/families.def"
};

// The kernels of a level; null if it has no vectors of its own.
const LevelKernels* level_kernels(Isa isa);

// Those of the best level that has some.
const LevelKernels& select_kernels(IsaSet isa);

}  // namespace edgert
