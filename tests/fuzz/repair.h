// What makes most mutated files ones that load.
#pragma once

#include "file.h"

namespace edgert::fuzz {

// Removes the nodes that operators refuse, gives the results of others the types that are inferred,
// constants the layouts that their readers want and payloads of the right size, and inputs and
// outputs names. What nothing writes becomes an input.
void repair(File* file);

}  // namespace edgert::fuzz
