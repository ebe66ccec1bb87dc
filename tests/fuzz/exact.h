// What may be compared between instruction sets, and how long a model runs.
#pragma once

#include <vector>

#include "runtime/model.h"

namespace edgert::fuzz {

// For each tensor whether every instruction set, portable included, must give it the same value:
// no node before it rounds products that others fuse.
std::vector<bool> exact_tensors(const Model& model);

// About how many elements and products one run touches, at most.
double operations(const Model& model);

}  // namespace edgert::fuzz
