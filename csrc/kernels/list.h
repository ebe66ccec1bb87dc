// Every kernel of this build, for listings.
#pragma once

#include <vector>

#include "core/cpu.h"

namespace edgert {

struct KernelInfo {
  const char* name;
  const char* family;
  Isa isa;
};

std::vector<KernelInfo> kernel_list();  // family by family, best first

}  // namespace edgert
