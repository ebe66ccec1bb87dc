// The table of a level's kernels. Compiled once per level with vector types, as they are.
#include "kernels/level.h"

#include "kernels/kernel.h"

namespace edgert {

#define FAMILY(family, Arguments) void KERNEL_NAME(family)(const Arguments&);
#include "kernels/families.def"

extern const LevelKernels KERNEL_NAME(level_kernels) = {
    Isa::EDGERT_LEVEL,
    F32::kFused,
#define FAMILY(family, Arguments) \
  {EDGERT_QUOTE(KERNEL_NAME(family)), Isa::EDGERT_LEVEL, KERNEL_NAME(family)},
#include "kernels/families.def"
};

}  // namespace edgert
