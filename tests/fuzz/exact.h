// What may be compared between instruction sets.
#pragma once

#include <vector>

#include "runtime/model.h"

namespace edgert::fuzz {

// For each tensor whether every instruction set, portable included, must give it the same value:
// no node before it rounds products that others fuse.
std::vector<bool> exact_tensors(const Model& model);

}  // namespace edgert::fuzz
